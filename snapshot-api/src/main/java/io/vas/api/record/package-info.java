/**
 * What a recording is asked for in words: how often, and what is to be kept. Here, and not with the
 * store, because the command line checks it without the store's classes, which it would take too
 * long to load.
 */
package io.vas.api.record;
