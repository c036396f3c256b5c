import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";

export type Fields = Readonly<Record<string, unknown>>;

export interface ForgeRequest {
  /** The method and the path, without the query. */
  readonly endpoint: string;
  readonly body: Fields;
}

/** A node:http server that responds like a forge's REST API. */
export abstract class FakeForge {
  readonly requests: ForgeRequest[] = [];
  /** The status of every response, if it is not 200. */
  status: number | undefined;
  readonly #server: Server = createServer();

  protected constructor(private readonly prefix: string) {
    this.#server.on("request", (request, response) => {
      void this.handle(request).then(
        ([status, json]) => {
          response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(json));
        },
        () => response.destroy(),
      );
    });
  }

  protected async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}${this.prefix}`;
  }

  /** The requests that change something. */
  get writes(): ForgeRequest[] {
    return this.requests.filter(({ endpoint }) => !endpoint.startsWith("GET "));
  }

  private async handle(request: IncomingMessage): Promise<[number, unknown]> {
    let body = "";
    for await (const chunk of request.setEncoding("utf8")) body += String(chunk);
    const fields = body === "" ? {} : (JSON.parse(body) as Fields);
    const url = new URL(request.url ?? "", "http://127.0.0.1");
    const endpoint = `${request.method} ${url.pathname.replace(this.prefix, "")}`;
    this.requests.push({ endpoint, body: fields });
    if (this.status !== undefined) return [this.status, { message: "Resource not accessible by integration" }];
    if (!this.isAuthorized(request)) return [401, { message: "Bad credentials" }];
    const json = this.respond(endpoint, fields);
    if (json === undefined) return [404, { message: "Not Found" }];
    return [200, Array.isArray(json) ? this.paginate(json, url.searchParams) : json];
  }

  /** One item per page, to test pagination. */
  protected paginate(rows: readonly unknown[], parameters: URLSearchParams): readonly unknown[] {
    const page = Number(parameters.get("page") ?? "1");
    return rows.slice(page - 1, page);
  }

  protected abstract isAuthorized(request: IncomingMessage): boolean;

  /** undefined if the endpoint does not exist. */
  protected abstract respond(endpoint: string, fields: Fields): unknown;

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
