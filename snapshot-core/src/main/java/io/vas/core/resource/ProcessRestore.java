package io.vas.core.resource;

/** Where the steps that restore state of a process go. */
public interface ProcessRestore extends Restore {}
