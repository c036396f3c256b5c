/**
 * Runs the plugin's bundle, and writes V8's code cache of what ran: the start, and what most commands do. Otherwise, compiling these functions takes
 * half of a start, and Node.js's option `useCodeCache` stores only functions that are compiled before anything runs.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { promisify } from "node:util";
import { Script } from "node:vm";
import { credentials } from "@grpc/grpc-js";
import proto from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import wellKnown from "google-protobuf/google/protobuf/struct_pb.js";

const [, , bundle, cache] = process.argv;
const script = new Script(readFileSync(bundle, "latin1"), { filename: "plugin.js" });
const port = await new Promise((resolve) => {
  // The plugin prints its port.
  process.stdout.write = (line) => resolve(line.trim());
  script.runInThisContext()(createRequire(import.meta.url), import.meta.filename, import.meta.dirname);
});
// authentik's response to the deletion of what does not exist.
const server = createServer((_request, response) => {
  response.writeHead(404, { "content-type": "application/json" }).end('{"detail":"Not found."}');
});
await promisify(server.listen).call(server, 0, "127.0.0.1");

const { CheckRequest, ConfigureRequest, CreateRequest, DeleteRequest, DiffRequest, ProviderHandshakeRequest } =
  messages;
const client = new proto.ResourceProviderClient(`127.0.0.1:${port}`, credentials.createInsecure());
const call = (method, request) => promisify(client[method]).call(client, request);
const struct = (properties) => wellKnown.Struct.fromJavaScript(properties);
const urn = "urn:pulumi:stack::project::authentik-invitations:index:Invitation::name";
const url = `http://127.0.0.1:${server.address().port}`;
const stored = { pk: "00000000-0000-4000-8000-000000000000", issuedAt: "2026-01-01T00:00:00Z", status: "pending" };
await call("handshake", new ProviderHandshakeRequest());
await call("configure", new ConfigureRequest().setArgs(struct({ url, token: "token" })));
const request = new CheckRequest()
  .setUrn(urn)
  .setOlds(struct({}))
  .setNews(struct({ validFor: "14d" }));
const inputs = (await call("check", request)).getInputs();
const state = struct({ ...inputs.toJavaScript(), ...stored, expires: "2026-01-15T00:00:00Z" });
await call("create", new CreateRequest().setUrn(urn).setProperties(inputs).setPreview(true));
await call("diff", new DiffRequest().setUrn(urn).setId("id").setOlds(state).setOldInputs(inputs).setNews(inputs));
await call("delete", new DeleteRequest().setUrn(urn).setId("id").setProperties(state));
writeFileSync(cache, script.createCachedData());
process.exit();
