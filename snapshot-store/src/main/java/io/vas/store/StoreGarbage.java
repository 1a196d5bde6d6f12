package io.vas.store;

/**
 * What collecting garbage has freed.
 *
 * @param pageBytes pages of regions.
 * @param layerBytes instances' own files.
 * @param metadataBytes of the journal.
 * @param warmBytes what was kept warm for the next snapshot.
 */
public record StoreGarbage(long pageBytes, long layerBytes, long metadataBytes, long warmBytes) {}
