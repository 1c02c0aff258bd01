/**
 * Kill file: orders of operators, signed with their own keys, read every second from a path or a static URL. It needs
 * neither control plane nor database.
 */
export * from './kill-orders';
export * from './kill-watch';
