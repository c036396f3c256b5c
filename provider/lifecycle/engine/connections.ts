import { Client } from "../../authentik/client";
import { findFlowSummary } from "../../authentik/flows";
import { defaultConnection } from "../../common/base-url";
import { type Configuration, readSettings, type Settings } from "./settings";
import { UserError } from "./user-error";

let configuration: Configuration = { get: () => undefined };
const connections = new Map<string, Connection>();

/** Stores the configuration. It must not take time: Pulumi does not make other calls wait for `configure`. */
export async function configure(request: { config: Configuration }): Promise<void> {
  configuration = request.config;
}

/** The connection with the given name. It is opened on first use, kept for the process, and shared by all resources with equal settings. */
export function connect(name: string = defaultConnection): Connection {
  const settings = readSettings(configuration, name);
  const key = JSON.stringify(settings);
  const connection = connections.get(key) ?? new Connection(settings);
  connections.set(key, connection);
  return connection;
}

/** One authentik, and what this process has learned about it. */
export class Connection {
  readonly client: Client;
  /** authentik's base URL. */
  readonly url: string;
  /** Whether to look up who caused drift: one request to the event log per object that drifted. */
  readonly attribution: boolean;
  /** False once authentik has denied access to the event log. */
  canReadEvents: boolean = true;
  readonly #cache = new Map<string, Promise<unknown>>();

  constructor(settings: Settings) {
    this.client = new Client(settings);
    this.url = settings.url;
    this.attribution = settings.attribution;
  }

  /** The pk of the flow with this slug: one lookup per process, however many resources need it concurrently. */
  async flowPk(slug: string): Promise<string> {
    const flow = await this.cached(`flow ${slug}`, async () => {
      const found = await findFlowSummary(this.client, { slug });
      if (found) return found;
      throw new UserError(
        `flow: authentik has no flow with the slug "${slug}" that the token's user is allowed to view (permission authentik_flows.view_flow). Correct the slug, or create the flow first.`,
      );
    });
    return flow.pk;
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
}
