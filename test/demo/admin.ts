import { EnvHttpProxyAgent, request } from "undici";
import { Disappointment } from "./processes";
import { directToLoopback } from "./workspace";

export interface AdminOptions {
  readonly url: string;
  readonly token: string;
  /** Accept any certificate. */
  readonly insecure?: boolean;
}

export type Kind = "invitations" | "stages";

/** An invitation or an invitation stage, as authentik's API shows it. */
export interface Shown {
  readonly pk: string;
  readonly name: string;
  readonly [field: string]: unknown;
}

interface Page<Row> {
  readonly pagination: { readonly next: number };
  readonly results: readonly Row[];
}

/** Somebody who works in authentik's admin interface, that is, with the plain API: nothing of the package takes part. */
export class Admin {
  readonly #api: string;
  readonly #token: string;
  readonly #dispatcher: EnvHttpProxyAgent;

  constructor({ url, token, insecure = false }: AdminOptions) {
    this.#api = `${url
      .trim()
      .replace(/\/+$/, "")
      .replace(/\/api\/v3$/, "")}/api/v3/`;
    this.#token = token.trim();
    const tls = { rejectUnauthorized: !insecure };
    this.#dispatcher = new EnvHttpProxyAgent({ connect: tls, requestTls: tls, noProxy: directToLoopback().no_proxy });
  }

  /** All invitations or stages. */
  async all(kind: Kind): Promise<Shown[]> {
    return await this.#list<Shown>(`stages/invitation/${kind}/`);
  }

  async named(kind: Kind, name: string): Promise<Shown> {
    const found = (await this.all(kind)).find((one) => one.name === name);
    if (found === undefined) throw new Disappointment(`authentik has nothing named ${name} among its ${kind}.`);
    return found;
  }

  /** Slugs of all flows. */
  async flows(): Promise<{ pk: string; slug: string }[]> {
    return await this.#list<{ pk: string; slug: string }>("flows/instances/");
  }

  async create(kind: Kind, fields: Readonly<Record<string, unknown>>): Promise<Shown> {
    return (await this.#send("POST", `stages/invitation/${kind}/`, fields)) as Shown;
  }

  async change(kind: Kind, name: string, fields: Readonly<Record<string, unknown>>): Promise<void> {
    const { pk } = await this.named(kind, name);
    await this.#send("PATCH", `stages/invitation/${kind}/${pk}/`, fields);
  }

  async delete(kind: Kind, pk: string): Promise<void> {
    await this.#send("DELETE", `stages/invitation/${kind}/${pk}/`);
  }

  async close(): Promise<void> {
    await this.#dispatcher.destroy();
  }

  async #list<Row>(path: string): Promise<Row[]> {
    const rows: Row[] = [];
    for (let next = 1; next !== 0; ) {
      const page = (await this.#send("GET", `${path}?ordering=pk&page_size=100&page=${next}`)) as Page<Row>;
      rows.push(...page.results);
      next = page.pagination.next;
    }
    return rows;
  }

  async #send(method: "GET" | "POST" | "PATCH" | "DELETE", path: string, body?: unknown): Promise<unknown> {
    const where = `${method} ${this.#api}${path.split("?")[0]}`;
    let status: number;
    let text: string;
    try {
      const response = await request(this.#api + path, {
        dispatcher: this.#dispatcher,
        method,
        headers: {
          accept: "application/json",
          authorization: `Bearer ${this.#token}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        body: body === undefined ? null : JSON.stringify(body),
      });
      status = response.statusCode;
      text = await response.body.text();
    } catch (error) {
      throw new Disappointment(`authentik cannot be reached: ${where}: ${error instanceof Error ? error.message : ""}`);
    }
    if (status < 200 || status > 299) {
      throw new Disappointment(`authentik answered ${status} to ${where}: ${text.slice(0, 300)}`);
    }
    if (text === "") return undefined;
    try {
      return JSON.parse(text) as unknown;
    } catch {
      throw new Disappointment(`What answered ${where} is not authentik's API: it sent no JSON.`);
    }
  }
}
