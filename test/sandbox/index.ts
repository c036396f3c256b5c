export { Authentik, type AuthentikOptions, type InjectedFailure, type ReceivedRequest } from "./authentik";
export type { AuthentikVersion } from "./versions";
