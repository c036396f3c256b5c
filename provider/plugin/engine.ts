import { credentials } from "@grpc/grpc-js";
import { EngineClient } from "@pulumi/pulumi/proto/engine_grpc_pb";
import { LogRequest, LogSeverity } from "@pulumi/pulumi/proto/engine_pb";
import type { Log } from "../common/log";

/** The engine that started this process. */
export interface Engine {
  /** A log whose messages appear on a resource. */
  logOf(urn: string): Log;
  /** Waits until the engine has received all messages, so that they appear before the result of their operation. */
  flush(): Promise<void>;
}

export function connectEngine(address: string): Engine {
  const client = new EngineClient(address, credentials.createInsecure());
  const pending = new Set<Promise<void>>();
  const send = (severity: (typeof LogSeverity)[keyof typeof LogSeverity], message: string, urn: string): void => {
    const request = new LogRequest().setSeverity(severity).setMessage(message).setUrn(urn);
    const sent = new Promise<void>((resolve) => {
      // A message that the engine does not take must not fail the operation.
      client.log(request, () => resolve());
    }).finally(() => pending.delete(sent));
    pending.add(sent);
  };
  return {
    logOf: (urn) => ({
      info: (message) => send(LogSeverity.INFO, message, urn),
      warn: (message) => send(LogSeverity.WARNING, message, urn),
    }),
    async flush() {
      await Promise.all(pending);
    },
  };
}

/** For a plugin that was started by hand: everything goes to standard error. */
export const noEngine: Engine = {
  logOf: () => ({ info: (message) => console.error(message), warn: (message) => console.error(message) }),
  flush: async () => {},
};
