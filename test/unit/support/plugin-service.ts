import {
  CheckRequest,
  type CheckResponse,
  ConfigureRequest,
  CreateRequest,
  DiffRequest,
  type DiffResponse,
} from "@pulumi/pulumi/proto/provider_pb";
import { Plugin as PluginInProcess } from "./doors";
import { fromStruct, toStruct } from "./plugin";

type Properties = Readonly<Record<string, unknown>>;

/** The plugin in this process, for tests of single requests. */
export class Plugin {
  /** What it reported: the name of the resource, and the message. */
  readonly warnings: string[] = [];
  readonly #plugin = new PluginInProcess(undefined, (urn) => ({
    info: () => {},
    warn: (message) => this.warnings.push(`${urn.split("::").at(-1)}: ${message}`),
  }));

  /** A configured one. */
  static async start(settings: Properties): Promise<Plugin> {
    const plugin = new Plugin();
    await plugin.configure(settings);
    return plugin;
  }

  /** Validates and applies the settings of the provider `name`. Returns the failures. */
  async configure(settings: Properties, name = "default"): Promise<string[]> {
    const urn = `urn:pulumi:test::test::pulumi:providers:authentik-invitations::${name}`;
    const args = toStruct(settings);
    const checked: CheckResponse = await this.#plugin.call("checkConfig", new CheckRequest().setUrn(urn).setNews(args));
    await this.#plugin.call("configure", new ConfigureRequest().setUrn(urn).setArgs(args));
    return checked.getFailuresList().map((failure) => failure.getReason());
  }

  /** Compares the settings of two providers, as the engine does for a provider that changes and for a resource that gets another one. */
  async diffConfig(olds: Properties, news: Properties): Promise<DiffResponse> {
    const request = new DiffRequest().setOldInputs(toStruct(olds)).setNews(toStruct(news));
    return await this.#plugin.call("diffConfig", request);
  }

  /** Validates the inputs of a resource. Returns the failures, and the inputs with their defaults and with secrets marked. */
  async check(
    type: string,
    inputs: Properties,
    olds: Properties = {},
  ): Promise<{ failures: string[]; inputs: Properties }> {
    const request = new CheckRequest().setUrn(urnOf(type)).setOlds(toStruct(olds)).setNews(toStruct(inputs));
    const response: CheckResponse = await this.#plugin.call("check", request);
    expect(response.getFailuresList().map((failure) => failure.getProperty())).not.toContainEqual(
      expect.stringMatching(/./),
    );
    return {
      failures: response.getFailuresList().map((failure) => failure.getReason()),
      inputs: fromStruct(response.getInputs()),
    };
  }

  /** Compares inputs with a state. */
  async diff(type: string, state: Properties, inputs: Properties): Promise<DiffResponse> {
    const request = new DiffRequest()
      .setUrn(urnOf(type))
      .setId("0123456789abcdef")
      .setOlds(toStruct(state))
      .setNews(toStruct(inputs));
    return await this.#plugin.call("diff", request);
  }

  /** Creates a resource at a preview. */
  async previewCreate(type: string, inputs: Properties): Promise<void> {
    await this.#plugin.call(
      "create",
      new CreateRequest().setUrn(urnOf(type)).setProperties(toStruct(inputs)).setPreview(true),
    );
  }
}

function urnOf(type: string): string {
  return `urn:pulumi:test::test::authentik-invitations:index:${type}::jane`;
}
