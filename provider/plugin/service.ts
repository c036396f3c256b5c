import {
  Metadata,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb";
import {
  CheckFailure,
  type CheckRequest,
  CheckResponse,
  type ConfigureRequest,
  ConfigureResponse,
  type ConstructRequest,
  type ConstructResponse,
  type CreateRequest,
  CreateResponse,
  type DeleteRequest,
  type DiffRequest,
  DiffResponse,
  ErrorResourceInitFailed,
  GetSchemaResponse,
  type InvokeRequest,
  InvokeResponse,
  PropertyDiff,
  ProviderHandshakeResponse,
  type ReadRequest,
  ReadResponse,
  type UpdateRequest,
  UpdateResponse,
} from "@pulumi/pulumi/proto/provider_pb";
import { Status } from "@pulumi/pulumi/proto/status_pb";
import { Any } from "google-protobuf/google/protobuf/any_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { parseBaseUrl } from "../common/base-url";
import type { Configuration } from "../common/configuration";
import { type Log, withLog } from "../common/log";
import { parseUrn } from "../common/urn";
import { cancel } from "../lifecycle/cancellation";
import { configure } from "../lifecycle/connections";
import { PartialError, withLookupErrors } from "../lifecycle/user-error";
import { isJsonObject } from "../values/json";
import { type Properties, withoutUndefined } from "../values/properties";
import { constructEnrollment } from "./construct";
import { compareProperties, type PropertyChange } from "./detailed-diff";
import type { Engine } from "./engine";
import { invokeFunction } from "./functions";
import {
  checkInputs,
  createResource,
  deleteResource,
  diffResource,
  previewCreate,
  previewUpdate,
  type Resource,
  readResource,
  toResource,
  updateResource,
} from "./operations";
import { formatSchema, secretSettings } from "./schema";
import { markSecretInputs } from "./secrets";
import { checkSettings, toConfiguration } from "./settings";
import { decodeStruct, encodeStruct } from "./struct";
import { warnAboutLinkHost, warnAboutLinks } from "./warnings";

/** Pulumi's provider protocol (`proto/pulumi/provider.proto`). Methods that are missing here are answered as not implemented. */
export class ProviderService {
  readonly #engine: Engine;
  readonly #version: string;
  #settings: Readonly<Record<string, unknown>> = {};
  #urn = "";
  #stack = "";
  readonly #warnings = new Set<string>();
  #running = 0;
  #onIdle: (() => void) | undefined;

  constructor(engine: Engine, version: string) {
    this.#engine = engine;
    this.#version = version;
  }

  /** The methods by name. */
  get methods(): UntypedServiceImplementation {
    return {
      handshake: this.#method(async () => {
        return new ProviderHandshakeResponse().setAcceptSecrets(true).setAcceptResources(false).setAcceptOutputs(true);
      }),
      getPluginInfo: this.#method(async () => new PluginInfo().setVersion(this.#version)),
      getSchema: this.#method(async () => new GetSchemaResponse().setSchema(formatSchema(this.#version))),
      checkConfig: this.#method(async (request: CheckRequest) => this.#checkConfig(request)),
      diffConfig: this.#method(async (request: DiffRequest) => this.#diffConfig(request)),
      configure: this.#method(async (request: ConfigureRequest) => {
        this.#settings = decodeStruct(request.getArgs()).properties;
        this.#urn = request.getUrn() ?? "";
        await configure({ config: toConfiguration(this.#settings, this.#urn) });
        return new ConfigureResponse()
          .setAcceptsecrets(true)
          .setSupportspreview(true)
          .setAcceptresources(false)
          .setAcceptoutputs(true);
      }),
      check: this.#method((request: CheckRequest) => this.#check(request)),
      diff: this.#method((request: DiffRequest) => this.#diff(request)),
      create: this.#method((request: CreateRequest) => this.#create(request)),
      read: this.#method((request: ReadRequest) => this.#read(request)),
      update: this.#method((request: UpdateRequest) => this.#update(request)),
      delete: this.#method((request: DeleteRequest) => this.#delete(request)),
      construct: this.#method((request: ConstructRequest) => this.#construct(request)),
      invoke: this.#method((request: InvokeRequest) => this.#invoke(request)),
      cancel: this.#method(async () => {
        cancel();
        return new Empty();
      }),
    };
  }

  /** Stops what has not started, and calls `onIdle` once what has been sent is finished. */
  stop(onIdle: () => void): void {
    cancel();
    if (this.#running === 0) onIdle();
    else this.#onIdle = onIdle;
  }

  #method<Request extends object, Response>(operation: (request: Request) => Promise<Response>) {
    return async ({ request }: ServerUnaryCall<Request, Response>, respond: sendUnaryData<Response>): Promise<void> => {
      this.#running += 1;
      try {
        const response = await withLog(this.#logOf(urnOf(request)), () => operation(request));
        await this.#engine.flush();
        respond(null, response);
      } catch (error) {
        await this.#engine.flush();
        respond(toServiceError(error));
      } finally {
        this.#running -= 1;
        if (this.#running === 0) this.#onIdle?.();
      }
    };
  }

  /** A log that repeats no warning: a refresh compares a resource, as the update after it does. */
  #logOf(urn: string): Log {
    const log = this.#engine.logOf(urn);
    return {
      info: log.info,
      warn: (message) => {
        const warning = `${urn} ${message}`;
        if (!this.#warnings.has(warning)) log.warn(message);
        this.#warnings.add(warning);
      },
    };
  }

  #checkConfig(request: CheckRequest): CheckResponse {
    const news = decodeStruct(request.getNews());
    const errors = checkSettings(news.properties, request.getUrn());
    const secrets = [...news.secrets, ...secretSettings.map((name) => [name])];
    return toCheckResponse(
      markSecretInputs(news.properties, secrets),
      errors.map((reason) => ({ property: "", reason })),
    );
  }

  /**
   * Compares the settings of two providers. The engine asks before it configures a provider whose settings change: its resources are kept, because the
   * server has a new address. It asks a configured provider about a resource of another provider. With another URL, that resource is replaced,
   * because its object is on the other server and would stay there without an owner.
   */
  #diffConfig(request: DiffRequest): DiffResponse {
    const olds = decodeStruct(request.getOldInputs() ?? request.getOlds()).properties;
    const news = decodeStruct(request.getNews()).properties;
    const changes = compareProperties(olds, news);
    const [oldUrl, newUrl, ownUrl] = [olds, news, this.#settings].map(({ url }) => baseUrlOf(url));
    const isMoved = oldUrl !== undefined && newUrl !== undefined && newUrl !== oldUrl && newUrl === ownUrl;
    if (!isMoved) return toDiffResponse(changes);
    const replacing = changes.map((change) => ({ ...change, replaces: change.property === "url" }));
    return toDiffResponse(replacing).setReplacesList(["url"]);
  }

  async #check(request: CheckRequest): Promise<CheckResponse> {
    const resource = this.#resource(request);
    const olds = decodeStruct(request.getOlds()).properties;
    const news = decodeStruct(request.getNews());
    const { inputs, failures } = await checkInputs(resource, olds, news, request.getRandomseed_asU8());
    return toCheckResponse(inputs, failures);
  }

  async #diff(request: DiffRequest): Promise<DiffResponse> {
    const olds = decodeStruct(request.getOlds()).properties;
    const oldInputs = request.hasOldInputs() ? decodeStruct(request.getOldInputs()).properties : undefined;
    const news = decodeStruct(request.getNews());
    const diff = await diffResource(this.#resource(request), request.getId(), olds, oldInputs, news);
    if (!diff.isChanged) return new DiffResponse().setChanges(DiffResponse.DiffChanges.DIFF_NONE);
    return toDiffResponse(diff.changes)
      .setChanges(DiffResponse.DiffChanges.DIFF_SOME)
      .setReplacesList([...diff.replaces])
      .setDeletebeforereplace(diff.deleteBeforeReplace);
  }

  async #create(request: CreateRequest): Promise<CreateResponse> {
    const resource = this.#resource(request);
    const inputs = decodeStruct(request.getProperties());
    if (request.getPreview()) {
      this.#warnAboutLinks(resource, inputs.properties);
      return new CreateResponse().setProperties(encodeStruct(previewCreate(resource, inputs)));
    }
    const { id, outputs } = await createResource(resource, inputs);
    return new CreateResponse().setId(id).setProperties(encodeStruct(outputs));
  }

  async #read(request: ReadRequest): Promise<ReadResponse> {
    const state = decodeStruct(request.getProperties());
    const inputs = decodeStruct(request.getInputs());
    const isImport = !request.hasInputs();
    const read = await readResource(this.#resource(request), request.getId(), state, inputs, isImport);
    if (read === undefined) return new ReadResponse();
    return new ReadResponse()
      .setId(read.id)
      .setProperties(encodeStruct(read.outputs))
      .setInputs(encodeStruct(read.inputs));
  }

  async #update(request: UpdateRequest): Promise<UpdateResponse> {
    const resource = this.#resource(request);
    const olds = decodeStruct(request.getOlds()).properties;
    const news = decodeStruct(request.getNews());
    if (request.getPreview()) {
      this.#warnAboutLinks(resource, news.properties);
      return new UpdateResponse().setProperties(encodeStruct(previewUpdate(resource, olds, news)));
    }
    const outputs = await updateResource(resource, request.getId(), olds, news);
    return new UpdateResponse().setProperties(encodeStruct(outputs));
  }

  async #delete(request: DeleteRequest): Promise<Empty> {
    await deleteResource(this.#resource(request), request.getId(), decodeStruct(request.getProperties()).properties);
    return new Empty();
  }

  async #construct(request: ConstructRequest): Promise<ConstructResponse> {
    this.#setStack(request.getProject(), request.getStack());
    return await withLookupErrors(() => constructEnrollment(request));
  }

  async #invoke(request: InvokeRequest): Promise<InvokeResponse> {
    const { properties } = decodeStruct(request.getArgs());
    const result = await withLookupErrors(() => invokeFunction(request.getTok(), properties));
    if (request.getPreview() && hasLink(result)) this.#reportOnProvider(warnAboutLinkHost);
    return new InvokeResponse().setReturn(encodeStruct(result));
  }

  #warnAboutLinks({ kind }: Resource, inputs: Properties): void {
    if (kind.hasLinks) this.#reportOnProvider((configuration) => warnAboutLinks(configuration, inputs));
  }

  /** Reports about the settings once, instead of on each resource. */
  #reportOnProvider(report: (configuration: Configuration) => void): void {
    withLog(this.#logOf(this.#urn), () => report(toConfiguration(this.#settings, this.#urn)));
  }

  /** The resource of a request. The first one says which stack the process works for. */
  #resource(request: { getUrn(): string }): Resource {
    const urn = request.getUrn();
    const { project, stack } = parseUrn(urn);
    this.#setStack(project, stack);
    return toResource(urn);
  }

  #setStack(project: string, stack: string): void {
    if (this.#stack === stack) return;
    this.#stack = stack;
    void configure({ config: toConfiguration(this.#settings, this.#urn), program: { project, stack } });
  }
}

/** `undefined` if the URL comes from an environment variable, is not valid or, at a preview, unknown. */
function baseUrlOf(url: unknown): string | undefined {
  const parsed = parseBaseUrl(typeof url === "string" ? url : "");
  return "url" in parsed ? parsed.url : undefined;
}

/** Whether a lookup found an invitation with a link. */
function hasLink(result: Properties): boolean {
  const found: unknown = result["invitations"];
  const candidates: unknown[] = Array.isArray(found) ? found : [result];
  return candidates.some((candidate) => isJsonObject(candidate) && candidate["link"] !== undefined);
}

/** The resource of a request, which functions and the configuration have none of. */
function urnOf(request: object): string {
  return "getUrn" in request && typeof request.getUrn === "function" ? String(request.getUrn()) : "";
}

function toCheckResponse(
  inputs: Readonly<Record<string, unknown>>,
  failures: readonly { readonly property: string; readonly reason: string }[],
): CheckResponse {
  return new CheckResponse()
    .setInputs(encodeStruct(inputs))
    .setFailuresList(
      failures.map(({ property, reason }) => new CheckFailure().setProperty(property).setReason(reason)),
    );
}

type DisplayedChange = PropertyChange & { readonly replaces?: boolean; readonly isInput?: boolean };

function toDiffResponse(changes: readonly DisplayedChange[]): DiffResponse {
  const { DiffChanges } = DiffResponse;
  const response = new DiffResponse()
    .setChanges(changes.length > 0 ? DiffChanges.DIFF_SOME : DiffChanges.DIFF_NONE)
    .setDiffsList([...new Set(changes.map(({ property }) => property))])
    .setHasdetaileddiff(changes.length > 0);
  const { Kind } = PropertyDiff;
  const kinds = { add: Kind.ADD, delete: Kind.DELETE, update: Kind.UPDATE };
  const replaceKinds = { add: Kind.ADD_REPLACE, delete: Kind.DELETE_REPLACE, update: Kind.UPDATE_REPLACE };
  const detailed = response.getDetaileddiffMap();
  for (const { path, kind, replaces = false, isInput = true } of changes)
    detailed.set(path, new PropertyDiff().setKind((replaces ? replaceKinds : kinds)[kind]).setInputdiff(isInput));
  return response;
}

/** An error as the engine expects it. After a partial failure, the details have the state to keep. */
function toServiceError(error: unknown): { code: status; details: string; metadata: Metadata } {
  const message = error instanceof Error ? error.stack || error.message : String(error);
  const metadata = new Metadata();
  if (error instanceof PartialError) {
    const failed = new ErrorResourceInitFailed()
      .setId(error.id)
      .setProperties(encodeStruct(withoutUndefined({ ...error.properties })))
      .setReasonsList([...error.reasons]);
    const details = new Any();
    details.pack(failed.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
    const response = new Status().setCode(status.UNKNOWN).setMessage(message);
    response.addDetails(details);
    // gRPC's name of the trailer with the details of an error, for which grpc-js has no function.
    metadata.add("grpc-status-details-bin", Buffer.from(response.serializeBinary()));
  }
  return { code: status.UNKNOWN, details: message, metadata };
}
