export { Authentik, type AuthentikOptions, type Fault, type ReceivedRequest } from "./authentik";
export type { AuthentikVersion } from "./versions";
