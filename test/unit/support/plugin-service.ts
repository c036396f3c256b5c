import type { ServerUnaryCall } from "@grpc/grpc-js";
import {
  CheckRequest,
  type CheckResponse,
  ConfigureRequest,
  CreateRequest,
  DiffRequest,
  type DiffResponse,
} from "@pulumi/pulumi/proto/provider_pb";
import { ProviderService } from "../../../provider/plugin/service";
import { encodeStruct } from "../../../provider/plugin/struct";

type Properties = Readonly<Record<string, unknown>>;

/** The plugin's service, called as the engine does, without a process or a network. */
export class Plugin {
  /** What it reported: the name of the resource, and the message. */
  readonly warnings: string[] = [];
  readonly #service = new ProviderService(
    {
      logOf: (urn) => ({
        info: () => {},
        warn: (message) => this.warnings.push(`${urn.split("::").at(-1)}: ${message}`),
      }),
      flush: async () => {},
    },
    "0.0.0",
  );

  /** A configured one. */
  static async start(settings: Properties): Promise<Plugin> {
    const plugin = new Plugin();
    await plugin.configure(settings);
    return plugin;
  }

  /** Validates and applies the settings of the provider `name`. Returns the failures. */
  async configure(settings: Properties, name = "default"): Promise<string[]> {
    const urn = `urn:pulumi:test::test::pulumi:providers:authentik-invitations::${name}`;
    const args = encodeStruct(settings);
    const checked: CheckResponse = await this.#call("checkConfig", new CheckRequest().setUrn(urn).setNews(args));
    await this.#call("configure", new ConfigureRequest().setUrn(urn).setArgs(args));
    return checked.getFailuresList().map((failure) => failure.getReason());
  }

  /** Compares the settings of two providers, as the engine does for a provider that changes and for a resource that gets another one. */
  async diffConfig(olds: Properties, news: Properties): Promise<DiffResponse> {
    const request = new DiffRequest().setOldInputs(encodeStruct(olds)).setNews(encodeStruct(news));
    return await this.#call("diffConfig", request);
  }

  /** Validates the inputs of a resource. Returns the failures, and the inputs with their defaults and with secrets marked. */
  async check(
    type: string,
    inputs: Properties,
    olds: Properties = {},
  ): Promise<{ failures: string[]; inputs: Properties }> {
    const request = new CheckRequest().setUrn(urnOf(type)).setOlds(encodeStruct(olds)).setNews(encodeStruct(inputs));
    const response: CheckResponse = await this.#call("check", request);
    expect(response.getFailuresList().map((failure) => failure.getProperty())).not.toContainEqual(
      expect.stringMatching(/./),
    );
    return {
      failures: response.getFailuresList().map((failure) => failure.getReason()),
      inputs: response.getInputs()?.toJavaScript() ?? {},
    };
  }

  /** Compares inputs with a state. */
  async diff(type: string, state: Properties, inputs: Properties): Promise<DiffResponse> {
    const request = new DiffRequest()
      .setUrn(urnOf(type))
      .setId("0123456789abcdef")
      .setOlds(encodeStruct(state))
      .setNews(encodeStruct(inputs));
    return await this.#call("diff", request);
  }

  /** Creates a resource at a preview. */
  async previewCreate(type: string, inputs: Properties): Promise<void> {
    await this.#call(
      "create",
      new CreateRequest().setUrn(urnOf(type)).setProperties(encodeStruct(inputs)).setPreview(true),
    );
  }

  #call<Response>(method: string, request: object): Promise<Response> {
    const handle = this.#service.methods[method] as (
      call: Pick<ServerUnaryCall<object, Response>, "request">,
      respond: (error: Error | null, response?: Response) => void,
    ) => Promise<void>;
    return new Promise((resolve, reject) => {
      void handle({ request }, (error, response) => (error ? reject(error) : resolve(response as Response)));
    });
  }
}

function urnOf(type: string): string {
  return `urn:pulumi:test::test::authentik-invitations:index:${type}::jane`;
}
