import type { UntypedHandleCall } from "@grpc/grpc-js";
import type { dynamic } from "@pulumi/pulumi";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb";
import {
  CheckRequest,
  type CheckResponse,
  ConfigureRequest,
  CreateRequest,
  type CreateResponse,
  DeleteRequest,
  DiffRequest,
  DiffResponse,
  ErrorResourceInitFailed,
  ReadRequest,
  type ReadResponse,
  UpdateRequest,
  type UpdateResponse,
} from "@pulumi/pulumi/proto/provider_pb";
import { Status } from "@pulumi/pulumi/proto/status_pb";
import type { Struct } from "google-protobuf/google/protobuf/struct_pb";
import {
  Flow,
  FlowStageBinding,
  Invitation,
  InvitationBatch,
  InvitationStage,
} from "pulumi-authentik-invitations/provider";
import { ProviderService, providerInputNames, secretInputsInput, secretOutputNames } from "../../bundle-internals";
import { fromStruct, toStruct } from "./plugin";
import { secret, signatureKey, unwrapSecrets } from "./secrets";

type Properties = Record<string, unknown>;

/** How programs reach this package: by the dynamic resources of the SDK for Node.js, or by the plugin's gRPC service. */
export type Door = "dynamic" | "plugin";
export const doors: readonly Door[] = ["dynamic", "plugin"];

/**
 * The operations on a kind of resource, as both doors have them, without marks of secrets. The signatures are those of dynamic providers; what only
 * the plugin's requests have comes last.
 */
export interface Provider {
  /** Starts a new process, as far as the door is concerned. */
  configure(request: { config: { get(key: string): string | undefined } }): Promise<void>;
  check(olds: Properties, news: Properties): Promise<dynamic.CheckResult>;
  diff(id: string, olds: Properties, news: Properties, oldInputs?: Properties): Promise<dynamic.DiffResult>;
  create(inputs: Properties): Promise<dynamic.CreateResult>;
  read(id: string, props?: Properties, inputs?: Properties): Promise<dynamic.ReadResult>;
  update(id: string, olds: Properties, news: Properties): Promise<dynamic.UpdateResult>;
  delete(id: string, props: Properties): Promise<void>;
}

const dynamicProviders = { Flow, FlowStageBinding, Invitation, InvitationBatch, InvitationStage };

export type Kind = keyof typeof dynamicProviders;

/** `secretInputs` are those that the program calls secret. The plugin must return them as secrets. */
export function providerOf(door: Door, kind: Kind, secretInputs: readonly string[] = []): Provider {
  if (door === "plugin") return new PluginProvider(kind, { secretInputs });
  return dynamicProviders[kind] as unknown as Provider;
}

type LogOf = ConstructorParameters<typeof ProviderService>[0]["logOf"];

/** Where the suites expect the messages of both doors. */
const consoleOf: LogOf = () => ({
  info: (message) => console.log(message),
  warn: (message) => console.warn(message),
});

/** The plugin, called as the engine does, in this process. Each message is serialized and parsed, as over a connection. */
export class Plugin {
  readonly #service: ProviderService;

  constructor(Service = ProviderService, logOf: LogOf = consoleOf) {
    this.#service = new Service({ logOf, flush: async () => {} }, "0.0.0");
  }

  async configure(settings: Properties): Promise<void> {
    await this.call("configure", new ConfigureRequest().setArgs(toStruct(settings)));
  }

  async call<Response>(method: keyof typeof ResourceProviderService & string, request: object): Promise<Response> {
    const { requestSerialize, requestDeserialize, responseSerialize, responseDeserialize } = ResourceProviderService[
      method
    ] as unknown as Serializers;
    const handle = this.#service.methods[method] as UntypedHandleCall as unknown as Handle;
    const received = requestDeserialize(requestSerialize(request));
    return await new Promise((resolve, reject) => {
      void handle({ request: received }, (error, response) => {
        if (error) reject(toError(error));
        else resolve(responseDeserialize(responseSerialize(response)) as Response);
      });
    });
  }
}

interface PluginOptions {
  readonly secretInputs?: readonly string[];
  /** The resource's logical name. */
  readonly name?: string;
  /** Defaults to one that is not configured. */
  readonly plugin?: Plugin;
}

export class PluginProvider implements Provider {
  readonly #type: string;
  readonly #urn: string;
  readonly #secretInputs: readonly string[];
  #plugin: Plugin;

  constructor(kind: Kind, { secretInputs = [], name = "resource", plugin = new Plugin() }: PluginOptions) {
    this.#type = `authentik-invitations:index:${kind}`;
    this.#urn = `urn:pulumi:dev::team::${this.#type}::${name}`;
    this.#secretInputs = secretInputs;
    this.#plugin = plugin;
  }

  async configure({ config }: Parameters<Provider["configure"]>[0]): Promise<void> {
    this.#plugin = new Plugin();
    const settings = providerInputNames.flatMap((name) => {
      const value = config.get(`authentik:${name}`);
      return value === undefined ? [] : [[name, value]];
    });
    await this.#plugin.configure(Object.fromEntries(settings));
  }

  async check(olds: Properties, news: Properties): Promise<dynamic.CheckResult> {
    const request = new CheckRequest()
      .setUrn(this.#urn)
      .setOlds(toInputs(olds))
      .setNews(mark(news, this.#secretInputs));
    const response = await this.#plugin.call<CheckResponse>("check", request);
    const secrets = this.#secretInputs.filter((name) => news[name] !== undefined);
    const failures = response.getFailuresList().map((failure) => failure.toObject());
    return { inputs: this.#unwrap(response.getInputs(), secrets), failures };
  }

  async diff(id: string, olds: Properties, news: Properties, oldInputs?: Properties): Promise<dynamic.DiffResult> {
    const request = new DiffRequest().setUrn(this.#urn).setId(id).setOlds(this.#outputs(olds)).setNews(toInputs(news));
    if (oldInputs !== undefined) request.setOldInputs(toInputs(oldInputs));
    const response = await this.#plugin.call<DiffResponse>("diff", request);
    if (response.getChanges() === DiffResponse.DiffChanges.DIFF_NONE) return { changes: false };
    const { replacesList: replaces, deletebeforereplace: deleteBeforeReplace } = response.toObject();
    return { changes: true, replaces, deleteBeforeReplace };
  }

  async create(inputs: Properties): Promise<dynamic.CreateResult> {
    const request = new CreateRequest().setUrn(this.#urn).setProperties(toInputs(inputs));
    const response = await this.#plugin.call<CreateResponse>("create", request);
    return { id: response.getId(), outs: this.#unwrap(response.getProperties(), this.#secretOutputs(inputs)) };
  }

  async read(id: string, props: Properties = {}, inputs: Properties = {}): Promise<dynamic.ReadResult> {
    const request = new ReadRequest().setUrn(this.#urn).setId(id);
    request.setProperties(this.#outputs(props)).setInputs(toInputs(inputs));
    const response = await this.#plugin.call<ReadResponse>("read", request);
    if (response.getId() === "") return {};
    return {
      id: response.getId(),
      props: this.#unwrap(response.getProperties(), this.#secretOutputs(inputs)),
      inputs: this.#unwrap(response.getInputs(), secretInputsOf(inputs)),
    };
  }

  async update(id: string, olds: Properties, news: Properties): Promise<dynamic.UpdateResult> {
    const request = new UpdateRequest().setUrn(this.#urn).setId(id);
    request.setOlds(this.#outputs(olds)).setNews(toInputs(news));
    const response = await this.#plugin.call<UpdateResponse>("update", request);
    return { outs: this.#unwrap(response.getProperties(), this.#secretOutputs(news)) };
  }

  async delete(id: string, props: Properties): Promise<void> {
    await this.#plugin.call(
      "delete",
      new DeleteRequest().setUrn(this.#urn).setId(id).setProperties(this.#outputs(props)),
    );
  }

  #outputs(properties: Properties): Struct {
    return mark(properties, this.#secretOutputs(properties));
  }

  #secretOutputs(properties: Properties): string[] {
    return [...secretInputsOf(properties), ...secretOutputNames(this.#type)];
  }

  /** The properties without marks. Those that must be secret are. */
  #unwrap(struct: Struct | undefined, secrets: readonly string[]): Properties {
    const properties = fromStruct(struct);
    for (const name of secrets) {
      const value = properties[name];
      if (value !== undefined && !(typeof value === "object" && value !== null && signatureKey in value))
        throw new Error(`The plugin returned ${name} of ${this.#type} not as a secret.`);
    }
    return unwrapSecrets(properties) as Properties;
  }
}

interface ServiceError {
  readonly details: string;
  readonly metadata: { get(name: string): (string | Buffer)[] };
}
type Handle = (call: { request: unknown }, respond: (error: ServiceError | null, response: unknown) => void) => void;

interface Serializers {
  requestSerialize(message: unknown): Buffer;
  requestDeserialize(bytes: Buffer): unknown;
  responseSerialize(message: unknown): Buffer;
  responseDeserialize(bytes: Buffer): unknown;
}

function toInputs(properties: Properties): Struct {
  return mark(properties, secretInputsOf(properties));
}

/** The inputs that the program called secret, as the hidden input says. */
function secretInputsOf(properties: Properties): readonly string[] {
  return (properties[secretInputsInput] ?? []) as string[];
}

function mark(properties: Properties, secrets: readonly string[]): Struct {
  const marked = Object.entries(properties).map(([name, value]) => [
    name,
    value !== undefined && secrets.includes(name) ? secret(value) : value,
  ]);
  return toStruct(Object.fromEntries(marked));
}

/** The error of a dynamic provider: only that of a bug has a stack, and that of a partial failure has the state. */
function toError({ details, metadata }: ServiceError): Error {
  const error = new Error(details);
  error.stack = /\n\s+at /.test(details) ? details : "";
  const [bytes] = metadata.get("grpc-status-details-bin");
  if (bytes === undefined) return error;
  const [detail] = Status.deserializeBinary(Buffer.from(bytes)).getDetailsList();
  const failed = detail?.unpack(ErrorResourceInitFailed.deserializeBinary, "pulumirpc.ErrorResourceInitFailed");
  if (!failed) throw new Error("A partial failure has no state.");
  const properties = unwrapSecrets(fromStruct(failed.getProperties()));
  return Object.assign(error, { id: failed.getId(), properties, reasons: failed.getReasonsList() });
}
