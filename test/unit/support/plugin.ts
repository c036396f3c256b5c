import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { credentials } from "@grpc/grpc-js";
import { ResourceProviderClient } from "@pulumi/pulumi/proto/provider_grpc_pb";
import {
  CheckRequest,
  type CheckResponse,
  ConfigureRequest,
  CreateRequest,
  type CreateResponse,
  ReadRequest,
  type ReadResponse,
} from "@pulumi/pulumi/proto/provider_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { ListValue, NullValue, Struct, Value } from "google-protobuf/google/protobuf/struct_pb";
import type { Authentik } from "../../../sandbox";
import { unwrapSecrets } from "./secrets";

type Properties = Record<string, unknown>;

/** What the protocol cannot represent, so that no engine sends it. */
export class UnsendableError extends Error {}

/** Nested deeper than any input may be. Far deeper values take google-protobuf seconds. */
const maxDepth = 400;

/** The form in which the engine sends properties. Secrets are those of `secret()`. */
export function toStruct(properties: object, depth = 0): Struct {
  const prototype: unknown = Object.getPrototypeOf(properties);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null)
    throw new UnsendableError("an object of a class");
  const struct = new Struct();
  for (const [key, value] of Object.entries(properties)) {
    // dist/plugin/main.js rejects it: see provider/plugin/struct.ts.
    if (key === "__proto__") throw new UnsendableError("the key __proto__");
    assertUnicode(key);
    if (value !== undefined) struct.getFieldsMap().set(key, toValue(value, depth + 1));
  }
  return struct;
}

function toValue(value: unknown, depth: number): Value {
  if (depth > maxDepth) throw new UnsendableError(`more than ${maxDepth} levels`);
  if (value === null || value === undefined) return new Value().setNullValue(NullValue.NULL_VALUE);
  if (typeof value === "boolean") return new Value().setBoolValue(value);
  if (typeof value === "number") return new Value().setNumberValue(value);
  if (Array.isArray(value))
    return new Value().setListValue(new ListValue().setValuesList(value.map((item) => toValue(item, depth + 1))));
  if (typeof value === "object") return new Value().setStructValue(toStruct(value, depth + 1));
  if (typeof value !== "string") throw new UnsendableError(`a ${typeof value}`);
  assertUnicode(value);
  return new Value().setStringValue(value);
}

function assertUnicode(text: string): void {
  if (/\p{Cs}/u.test(text)) throw new UnsendableError("an unpaired surrogate");
}

export function fromStruct(struct: Struct | undefined): Properties {
  return struct === undefined ? {} : struct.toJavaScript();
}

interface ReadResult {
  readonly id: string;
  readonly state: Properties;
  readonly inputs: Properties;
}

function urnOf(type: string): string {
  return `urn:pulumi:dev::team::authentik-invitations:index:${type}::test`;
}

type PluginChild = ChildProcessByStdio<null, Readable, Readable>;

type Respond = (error: Error | null, response: unknown) => void;

/** The plugin as a process of its own, as the engine starts it. */
export class PluginProcess {
  readonly #child: PluginChild;
  readonly #client: ResourceProviderClient;

  #reported = "";

  private constructor(child: PluginChild, client: ResourceProviderClient) {
    this.#child = child;
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      this.#reported += chunk;
    });
    this.#client = client;
  }

  static async start(server: Authentik): Promise<PluginProcess> {
    const root = dirname(require.resolve("pulumi-authentik-invitations/package.json"));
    const child = spawn(process.execPath, [join(root, "dist", "plugin", "main.js")], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [port] = (await once(child.stdout, "data")) as [Buffer];
    const address = `127.0.0.1:${String(port).trim()}`;
    const plugin = new PluginProcess(child, new ResourceProviderClient(address, credentials.createInsecure()));
    const args = toStruct({ url: server.url, token: server.token });
    await plugin.#call("configure", new ConfigureRequest().setArgs(args).setAcceptsecrets(true));
    return plugin;
  }

  /** Creates a resource, as `pulumi up` does. Returns its outputs without marks of secrets. */
  async create(type: string, inputs: Properties): Promise<Properties> {
    const urn = urnOf(type);
    const checked = await this.#call<CheckResponse>("check", new CheckRequest().setUrn(urn).setNews(toStruct(inputs)));
    const request = new CreateRequest().setUrn(urn).setProperties(checked.getInputs());
    const created = await this.#call<CreateResponse>("create", request);
    return unwrapSecrets(fromStruct(created.getProperties())) as Properties;
  }

  /** Reads an object: without `inputs`, as an import; with equal `inputs` and `state`, as `get`; else as a refresh. Secrets are marked. */
  async read(type: string, id: string, state: Properties = {}, inputs?: Properties): Promise<ReadResult> {
    const request = new ReadRequest().setUrn(urnOf(type)).setId(id).setProperties(toStruct(state));
    if (inputs !== undefined) request.setInputs(toStruct(inputs));
    const read = await this.#call<ReadResponse>("read", request);
    return { id: read.getId(), state: fromStruct(read.getProperties()), inputs: fromStruct(read.getInputs()) };
  }

  /** What the engine sends after Ctrl+C. */
  async cancel(): Promise<void> {
    await this.#call("cancel", new Empty());
  }

  /** What it has reported so far, once that contains this. Without an engine, it writes its messages to standard error. */
  async reported(message: string): Promise<string> {
    while (!this.#reported.includes(message)) await once(this.#child.stderr, "data");
    return this.#reported;
  }

  stop(): void {
    this.#client.close();
    this.#child.kill();
  }

  async #call<Response>(method: string, request: object): Promise<Response> {
    const client = this.#client as unknown as Record<string, (request: object, respond: Respond) => void>;
    return await new Promise((resolve, reject) => {
      client[method]?.(request, (error, response) => (error ? reject(error) : resolve(response as Response)));
    });
  }
}
