#!/usr/bin/env node
/** The plugin `pulumi-resource-authentik-invitations`, which Pulumi's engine starts. */
import { Server, ServerCredentials, type ServiceDefinition } from "@grpc/grpc-js";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb";
import { watchEngine } from "../lifecycle/watch-engine";
import { connectEngine, noEngine } from "./engine";
import { ProviderService } from "./service";
import { deserialize } from "./struct";

const { version } = require("../../package.json") as { version: string };

// The engine passes its address as the last argument.
const address = process.argv.at(-1) ?? "";
const engine = /^[\w.-]+:\d+$/.test(address) ? connectEngine(address) : noEngine;
const service = new ProviderService(engine, version);

// The state of a large batch has more than the 4 MB to which gRPC limits a message.
const server = new Server({ "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 });
const definition = Object.fromEntries(
  Object.entries(ResourceProviderService as unknown as ServiceDefinition).map(([name, method]) => [
    name,
    {
      ...method,
      requestDeserialize: (message: Buffer) => deserialize(message, method.requestDeserialize),
    },
  ]),
);
server.addService(definition, service.methods);
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  // The engine reads the first line.
  process.stdout.write(`${port}\n`);
});

// The engine ends the plugin, unless it is killed itself.
watchEngine(() => service.stop(() => process.exit(1)), 2000);
