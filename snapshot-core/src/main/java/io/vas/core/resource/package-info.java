/**
 * One class per kind of kernel object: how it is recognised, captured and restored. New kinds are
 * added by adding a class, a message and a line in {@link io.vas.core.resource.Resources}.
 */
package io.vas.core.resource;
