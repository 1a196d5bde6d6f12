/**
 * Snapshots on disk, for what memory does not survive.
 *
 * <p>An archive is a directory:
 *
 * <pre>
 *  manifest      which snapshots and layers there are; written last
 *  ID.snapshot   a snapshot but for its pages: its image, and where its pages are
 *  ID.pages      the pages that no older snapshot of the archive has, in frames
 *  ID.layer      the layer that a snapshot's instance wrote, in frames
 * </pre>
 *
 * <p>Each file is checked by the one that names it: a frame by its CRC-32C in the description or in
 * the manifest, a description by the manifest, and the manifest by its own. A frame is some bytes,
 * compressed by zstd.
 */
package io.vas.store.archive;
