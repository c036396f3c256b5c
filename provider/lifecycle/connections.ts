import { Client } from "../authentik/client";
import { PermissionError } from "../authentik/errors";
import { findFlowPk } from "../authentik/flows";
import { defaultConnection } from "../common/base-url";
import { type Configuration, readPublicUrl, serverOf } from "../common/configuration";
import { log } from "../common/log";
import type { Origin } from "../common/origin";
import { normalizeUuid } from "../common/pk";
import { stripWhitespace } from "../common/whitespace";
import { cancellation } from "./cancellation";
import { readSettings, type Settings } from "./settings";
import { UserError } from "./user-error";

let configuration: Configuration = { get: () => undefined };
/** The stack of the program; the provider process learns it from each resource's origin instead. */
let program: { readonly project?: string; readonly stack?: string } = {};
const connectionsOfProcess = new Map<string, Connection>();
let connections = connectionsOfProcess;

/** Stores the configuration. Must finish synchronously: Pulumi does not wait for `configure` before other calls. */
export async function configure(request: {
  config: Configuration;
  program?: { readonly project: string; readonly stack: string };
  connections?: Map<string, Connection>;
}): Promise<void> {
  configuration = request.config;
  program = request.program ?? {};
  connections = request.connections ?? connectionsOfProcess;
}

/** The connection with the given name. It is opened on first use, and shared by all resources with equal settings: of the provider process, or of a program's run. */
export function connect(name: string = defaultConnection): Connection {
  const settings = readSettings(configuration, name);
  const key = JSON.stringify([settings, program]);
  const connection = connections.get(key) ?? new Connection(settings);
  connections.set(key, connection);
  return connection;
}

/** The base URL of a connection's links, as far as it is configured. */
export function publicUrlOf(name: string = defaultConnection): string | undefined {
  return readPublicUrl(configuration, name)?.url;
}

/** Identifies an object in all of this process, see {@link serverOf}. */
export function objectKey(pk: string, connection: unknown): string {
  return `${serverOf(configuration, typeof connection === "string" ? connection : defaultConnection)} ${pk}`;
}

/** A client for one authentik server, with caches for this process. */
export class Connection {
  /** Sends requests that belong to no single resource, such as lookups. */
  readonly client: Client;
  readonly url: string;
  readonly publicUrl: string;
  /** Whether to look up who caused drift: one request to the event log per object that drifted. */
  readonly attribution: boolean;
  #missingEventPermission: string | undefined;
  #hasWarnedAboutEventLog: boolean = false;
  readonly #cache = new Map<string, Promise<unknown>>();

  constructor(settings: Settings) {
    this.client = Client.connect({ ...settings, cancellation }).from(this.stackOf(undefined));
    this.url = settings.url;
    const { overridingToken } = settings;
    if (overridingToken !== undefined) {
      log.warn(
        `AUTHENTIK_TOKEN is ignored, because ${overridingToken} is another token: in the stack's configuration or, if it was removed there, in the state until the next \`pulumi up\`. To use AUTHENTIK_TOKEN now, run \`pulumi config rm ${overridingToken}\`, and add --run-program to refresh and destroy.`,
      );
    }
    this.publicUrl = settings.publicUrl;
    this.attribution = settings.attribution;
  }

  /** The stack that a resource belongs to, `project/stack`, as far as it is known. */
  stackOf(origin: Origin | undefined): string {
    const project = program.project ?? process.env["PULUMI_PROJECT"];
    return [project, origin?.stack ?? program.stack].filter((part) => part !== undefined).join("/");
  }

  /** Where a resource's requests come from, for their User-Agent: `project/stack; tag`. */
  sourceOf(origin: Origin | undefined): string {
    return [this.stackOf(origin), origin?.tag].filter(Boolean).join("; ");
  }

  clientOf(origin: Origin | undefined, nonce?: string): Client {
    return this.client.from(this.sourceOf(origin), nonce);
  }

  /** The pk of the flow with this slug or pk: one lookup per process and slug, however many resources need it concurrently. */
  async flowPk(slugOrPk: string, input: "flow" | "target" = "flow"): Promise<string> {
    const slug = stripWhitespace(slugOrPk);
    const findPk = async (): Promise<string> => {
      const pk = await findFlowPk(this.client, slug);
      if (pk !== undefined) return pk;
      throw new UserError(
        `${input}: authentik has no flow with the slug "${slug}" that the token's user is allowed to view (permission authentik_flows.view_flow). Correct the slug, or create the flow first.`,
      );
    };
    return normalizeUuid(slug) ?? (await this.cached(`flow ${slug}`, findPk));
  }

  /** Runs a lookup once per process. Errors are not cached. */
  async cached<T>(key: string, load: () => Promise<T>): Promise<T> {
    const cached = this.#cache.get(key) as Promise<T> | undefined;
    if (cached) return await cached;
    const loading = load();
    this.#cache.set(key, loading);
    loading.catch(() => this.#cache.delete(key));
    return await loading;
  }

  /** Reads authentik's event log. Sends no further requests to it once authentik has denied access. */
  async readEventLog<T>(read: () => Promise<T>): Promise<T | "forbidden"> {
    if (this.#missingEventPermission !== undefined) return "forbidden";
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof PermissionError)) throw error;
      this.#missingEventPermission = error.permission;
      return "forbidden";
    }
  }

  /** Like {@link readEventLog}. If access is denied, warns once and returns `undefined`. */
  async readEventLogOrWarn<T>(read: () => Promise<T>): Promise<T | undefined> {
    const result = await this.readEventLog(read);
    if (result !== "forbidden") return result;
    if (this.#hasWarnedAboutEventLog) return undefined;
    this.#hasWarnedAboutEventLog = true;
    log.warn(
      `The token's user is not allowed to read authentik's event log. Grant the permission ${this.#missingEventPermission} to see who changed, deleted or used the objects that Pulumi manages. It also allows reading every email that authentik sends, including recovery links.`,
    );
    return undefined;
  }
}
