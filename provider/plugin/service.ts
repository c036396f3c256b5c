import type { ServerUnaryCall, sendUnaryData, UntypedServiceImplementation } from "@grpc/grpc-js";
import { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb";
import {
  type CheckRequest,
  type CheckResponse,
  type ConfigureRequest,
  ConfigureResponse,
  type ConstructRequest,
  type ConstructResponse,
  type CreateRequest,
  type CreateResponse,
  type DeleteRequest,
  type DiffRequest,
  type DiffResponse,
  GetSchemaResponse,
  type InvokeRequest,
  InvokeResponse,
  ProviderHandshakeResponse,
  type ReadRequest,
  type UpdateRequest,
  type UpdateResponse,
} from "@pulumi/pulumi/proto/provider_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { parseBaseUrl } from "../common/base-url";
import type { Configuration } from "../common/configuration";
import { type Log, withLog } from "../common/log";
import { parseUrn } from "../common/urn";
import { cancel } from "../lifecycle/cancellation";
import { configure } from "../lifecycle/connections";
import { withLookupErrors } from "../lifecycle/user-error";
import type { Properties } from "../values/properties";
import { constructEnrollment } from "./construct";
import { compareProperties } from "./detailed-diff";
import type { Engine } from "./engine";
import { invokeFunction } from "./functions";
import {
  checkResource,
  createResource,
  deleteResource,
  diffResource,
  type Resource,
  readResource,
  toResource,
  updateResource,
} from "./operations";
import { toCheckResponse, toDiffResponse, toServiceError } from "./responses";
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
        return new ProviderHandshakeResponse().setAcceptSecrets(true).setAcceptResources(true).setAcceptOutputs(true);
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
          .setAcceptresources(true)
          .setAcceptoutputs(true);
      }),
      check: this.#method((request: CheckRequest) => checkResource(this.#resource(request), request)),
      diff: this.#method((request: DiffRequest) => diffResource(this.#resource(request), request)),
      create: this.#method((request: CreateRequest) => this.#create(request)),
      read: this.#method((request: ReadRequest) => readResource(this.#resource(request), request)),
      update: this.#method((request: UpdateRequest) => this.#update(request)),
      delete: this.#method((request: DeleteRequest) => deleteResource(this.#resource(request), request)),
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
        // See `deserialize`.
        if (request instanceof Error) throw request;
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
    return toCheckResponse(markSecretInputs(news.properties, secrets), errors);
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

  async #create(request: CreateRequest): Promise<CreateResponse> {
    const resource = this.#resource(request);
    const inputs = decodeStruct(request.getProperties());
    if (request.getPreview()) this.#warnAboutLinks(resource, inputs.properties);
    return await createResource(resource, request, inputs);
  }

  async #update(request: UpdateRequest): Promise<UpdateResponse> {
    const resource = this.#resource(request);
    const news = decodeStruct(request.getNews());
    if (request.getPreview()) this.#warnAboutLinks(resource, news.properties);
    return await updateResource(resource, request, news);
  }

  async #construct(request: ConstructRequest): Promise<ConstructResponse> {
    this.#setStack(request.getProject(), request.getStack());
    return await withLookupErrors(() => constructEnrollment(request));
  }

  async #invoke(request: InvokeRequest): Promise<InvokeResponse> {
    const { properties } = decodeStruct(request.getArgs());
    const { result, hasLinks } = await withLookupErrors(() => invokeFunction(request.getTok(), properties));
    if (request.getPreview() && hasLinks) this.#reportOnProvider(warnAboutLinkHost);
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

/** The resource of a request, which functions and the configuration have none of. */
function urnOf(request: object): string {
  return "getUrn" in request && typeof request.getUrn === "function" ? String(request.getUrn()) : "";
}
