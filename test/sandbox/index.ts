export { Authentik, type AuthentikOptions, type Fault, type RecordedRequest } from "./authentik";
export type { AuthentikVersion } from "./versions";
