package io.vas.core.linux;

/**
 * Who is at the other end of a unix socket, as of the moment it connected or listened.
 *
 * @param pid its process, as this process's pid namespace numbers it; 0 if it has no number there.
 * @param uid its effective user.
 * @param gid its effective group.
 */
public record PeerCredentials(int pid, int uid, int gid) {}
