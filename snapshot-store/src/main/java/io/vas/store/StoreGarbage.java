package io.vas.store;

/**
 * What collecting garbage has freed.
 *
 * @param pageBytes pages of regions.
 * @param layerBytes instances' own files.
 * @param metadataBytes of the journal.
 */
public record StoreGarbage(long pageBytes, long layerBytes, long metadataBytes) {}
