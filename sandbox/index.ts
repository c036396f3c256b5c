export { Authentik, type AuthentikOptions, type InjectedFailure, type ReceivedRequest } from "./authentik";
export type { Mail } from "./outbox";
export { type AuthentikVersion, authentikVersions, newestVersion } from "./versions";
