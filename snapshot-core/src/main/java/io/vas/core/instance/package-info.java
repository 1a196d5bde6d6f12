/** Instances: running containers, from their start or fork until they are removed. */
package io.vas.core.instance;
