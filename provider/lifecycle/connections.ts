import { z } from "zod";
import { defaultConnection, readAddress } from "../address";
import { Client } from "../authentik/client";
import { findFlow } from "../authentik/flows";
import type { TransportOptions } from "../authentik/transport";
import { UserError } from "./user-error";

/** As Pulumi gives it to `configure`. */
export interface Configuration {
  get(key: string): string | undefined;
}

let configuration: Configuration = { get: () => undefined };
const connections = new Map<string, Connection>();

/** Takes note of the configuration. It must not need time: Pulumi does not let other calls wait for `configure`. */
export async function configure(request: { config: Configuration }): Promise<void> {
  configuration = request.config;
}

/** The connection that a resource names. It is made at the first request, kept for the process, and shared by all that has its settings. */
export function connect(name: string = defaultConnection): Connection {
  const settings = readSettings(name);
  const key = JSON.stringify(settings);
  const connection = connections.get(key) ?? new Connection(settings);
  connections.set(key, connection);
  return connection;
}

interface Settings extends TransportOptions {
  readonly attribution: boolean;
}

/** One authentik, and what this process has learnt of it. */
export class Connection {
  readonly client: Client;
  /** Whether drift is told with the name of who did it, for one request to the event log each. */
  readonly attribution: boolean;
  /** Whether the token may read the event log, as far as is known. */
  mayReadEvents: boolean = true;
  readonly #answers = new Map<string, Promise<unknown>>();

  constructor(settings: Settings) {
    this.client = new Client(settings);
    this.attribution = settings.attribution;
  }

  /** The pk of the flow with this slug: one look-up a process, however many resources ask at once. */
  async flowPk(slug: string): Promise<string> {
    const flow = await this.once(`flow ${slug}`, async () => {
      const found = await findFlow(this.client, { slug });
      if (found) return found;
      throw new UserError(
        `flow: authentik has no flow with the slug "${slug}" that the token's user may see (permission authentik_flows.view_flow). Correct the slug, or create the flow first.`,
      );
    });
    return flow.pk;
  }

  /** Asks a question once a process. A failure is not kept: the next who asks may fare better. */
  async once<T>(question: string, ask: () => Promise<T>): Promise<T> {
    const known = this.#answers.get(question) as Promise<T> | undefined;
    if (known) return await known;
    const answer = ask();
    this.#answers.set(question, answer);
    answer.catch(() => this.#answers.delete(question));
    return await answer;
  }
}

const truth = z.stringbool({ truthy: ["true", "1", "yes"], falsy: ["false", "0", "no", ""] });
const headers = z.record(
  z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/),
  z.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/),
);
/** Those that the provider sets, and those that HTTP keeps for the connection itself: undici refuses each request that has them. */
const ownHeaders = new Set([
  "authorization",
  "proxy-authorization",
  "user-agent",
  "accept",
  "content-type",
  "content-length",
  "host",
  "connection",
  "keep-alive",
  "transfer-encoding",
  "upgrade",
  "expect",
]);

function readSettings(name: string): Settings {
  const isDefault = name === defaultConnection;
  const read = (key: string, variable: string): { value: string; source: string } | undefined => {
    const configured = configuration.get(`${name}:${key}`);
    if (configured !== undefined) return { value: configured, source: `${name}:${key}` };
    const value = isDefault ? process.env[variable] : undefined;
    return value === undefined || value === "" ? undefined : { value, source: variable };
  };

  const url = read("url", "AUTHENTIK_URL");
  if (!url) {
    throw new UserError(
      `authentik's address is not set: set it with \`pulumi config set ${name}:url https://authentik.example.com\`${isDefault ? " or in AUTHENTIK_URL" : ""}.`,
    );
  }
  const address = readAddress(url.value);
  if ("problem" in address) throw new UserError(`${url.source} ${address.problem}.`);

  const token = read("token", "AUTHENTIK_TOKEN");
  if (!token) {
    throw new UserError(
      `authentik's API token is not set: set it with \`pulumi config set --secret ${name}:token …\`${isDefault ? " or in AUTHENTIK_TOKEN" : ""}.`,
    );
  }
  if (!/^[\x21-\x7e]+$/.test(token.value.trim())) {
    throw new UserError(`${token.source} is no API token: it must be a single word without blanks.`);
  }

  const insecure = read("insecure", "AUTHENTIK_INSECURE");

  return {
    url: address.url,
    token: token.value.trim(),
    insecure: readTruth(insecure?.source ?? "", insecure?.value, false),
    headers: readHeaders(`${name}:headers`),
    attribution: readTruth(`${name}:attribution`, configuration.get(`${name}:attribution`), true),
  };
}

function readTruth(source: string, value: string | undefined, otherwise: boolean): boolean {
  if (value === undefined) return otherwise;
  const parsed = truth.safeParse(value.trim());
  if (!parsed.success) throw new UserError(`${source} must be true or false.`);
  return parsed.data;
}

function readHeaders(key: string): Record<string, string> {
  const text = configuration.get(key);
  if (text === undefined || text.trim() === "") return {};
  const help = `set it with \`pulumi config set --secret --path '${key}.X-My-Header' …\`.`;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new UserError(`${key} is no JSON object of header names and values: ${help}`);
  }
  const parsed = headers.safeParse(json);
  if (!parsed.success) throw new UserError(`${key} must be a JSON object of header names and texts: ${help}`);
  const own = Object.keys(parsed.data).find((header) => ownHeaders.has(header.toLowerCase()));
  if (own) throw new UserError(`${key} must not set ${own}: the provider sets it itself.`);
  return parsed.data;
}
