/**
 * What an instance lives in: its namespaces, its root, its devices and what its command may do, all
 * of it as steps of a program. Used by run and fork.
 */
package io.vas.core.sandbox;
