import { EnvHttpProxyAgent, request } from "undici";
import { ExpectationError } from "./processes";
import { buildNoProxyEnv } from "./workspace";

export interface AdminOptions {
  readonly url: string;
  readonly token: string;
  /** Accept any TLS certificate. */
  readonly insecure?: boolean;
}

export type Kind = "invitations" | "stages";

/** An invitation or an invitation stage, as authentik's API returns it. */
export interface ApiObject {
  readonly pk: string;
  readonly name: string;
  readonly [field: string]: unknown;
}

interface Page<Row> {
  readonly pagination: { readonly next: number };
  readonly results: readonly Row[];
}

/** Acts as an admin in authentik's admin interface. Uses the API directly, without the package under test. */
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
    this.#dispatcher = new EnvHttpProxyAgent({ connect: tls, requestTls: tls, noProxy: buildNoProxyEnv().no_proxy });
  }

  async list(kind: Kind): Promise<ApiObject[]> {
    return await this.#fetchAll<ApiObject>(`stages/invitation/${kind}/`);
  }

  async getByName(kind: Kind, name: string): Promise<ApiObject> {
    const found = (await this.list(kind)).find((object) => object.name === name);
    if (found === undefined) throw new ExpectationError(`authentik has no ${kind} named ${name}.`);
    return found;
  }

  async listFlows(): Promise<{ pk: string; slug: string }[]> {
    return await this.#fetchAll<{ pk: string; slug: string }>("flows/instances/");
  }

  async create(kind: Kind, fields: Readonly<Record<string, unknown>>): Promise<ApiObject> {
    return (await this.#send("POST", `stages/invitation/${kind}/`, fields)) as ApiObject;
  }

  async update(kind: Kind, name: string, fields: Readonly<Record<string, unknown>>): Promise<void> {
    const { pk } = await this.getByName(kind, name);
    await this.#send("PATCH", `stages/invitation/${kind}/${pk}/`, fields);
  }

  async delete(kind: Kind, pk: string): Promise<void> {
    await this.#send("DELETE", `stages/invitation/${kind}/${pk}/`);
  }

  async close(): Promise<void> {
    await this.#dispatcher.destroy();
  }

  async #fetchAll<Row>(path: string): Promise<Row[]> {
    const rows: Row[] = [];
    for (let next = 1; next !== 0; ) {
      const page = (await this.#send("GET", `${path}?ordering=pk&page_size=100&page=${next}`)) as Page<Row>;
      rows.push(...page.results);
      next = page.pagination.next;
    }
    return rows;
  }

  async #send(method: "GET" | "POST" | "PATCH" | "DELETE", path: string, body?: unknown): Promise<unknown> {
    const endpoint = `${method} ${this.#api}${path.split("?")[0]}`;
    let status: number;
    let responseBody: string;
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
      responseBody = await response.body.text();
    } catch (error) {
      throw new ExpectationError(`Cannot reach authentik: ${endpoint}: ${error instanceof Error ? error.message : ""}`);
    }
    if (status < 200 || status > 299) {
      throw new ExpectationError(`authentik responded with ${status} to ${endpoint}: ${responseBody.slice(0, 300)}`);
    }
    if (responseBody === "") return undefined;
    try {
      return JSON.parse(responseBody) as unknown;
    } catch {
      throw new ExpectationError(`The response to ${endpoint} is not JSON, so it did not come from authentik's API.`);
    }
  }
}
