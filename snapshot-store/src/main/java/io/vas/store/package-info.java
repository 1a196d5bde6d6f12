/**
 * Where snapshots are kept: their pages in regions, their files in layers, all of it under one
 * budget, and the index by which they are found.
 */
package io.vas.store;
