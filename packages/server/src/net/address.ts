/** What stands for the address of a peer on a Unix socket. */
export const UNIX_SOCKET = 'local';
/** What stands for the address of a peer inside this process. */
export const IN_PROCESS = 'in-process';

const IPV4_IN_IPV6 = '::ffff:';

/** The address of a socket's peer, as people write it. */
export function printableAddress(address: string | undefined): string {
  if (address === undefined) return UNIX_SOCKET;
  return address.startsWith(IPV4_IN_IPV6) ? address.slice(IPV4_IN_IPV6.length) : address;
}
