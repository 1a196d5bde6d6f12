/** From a snapshot to running instances: compiled once to a program, forked many times. */
package io.vas.core.restore;
