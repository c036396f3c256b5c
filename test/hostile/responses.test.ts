import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { newestVersion } from "../../sandbox";
import { Client } from "../bundle-internals";
import { readRecording } from "../sandbox/recordings";
import {
  bindingDefaults,
  collectWarnings,
  configure,
  doorsOf,
  expectPrintable,
  flowDefaults,
  type Kind,
  kinds,
  takeWarnings,
} from "./resources";
import { runs, timeout } from "./runs";
import { anyValue, hostileString, type Inputs } from "./values";

// The lookups after a lost response wait for events.
jest.mock("node:timers/promises", () => ({ setTimeout: async () => undefined }));
jest.setTimeout(timeout);

interface FakeResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
  /** Closes the connection in the middle of the body. */
  readonly isCut: boolean;
}

const pk = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d";
const hex = pk.replaceAll("-", "");
const token = "fuzz-token-5d6f7a8b9c0d1e2f3a4b5c6d7e8f9a0b1c2d3e4f5a6b7c8d";
const secrets = [token, pk, hex];
const origin = "dev/0123456789/0123456789ab";

let server: Server;
let response: FakeResponse;
const received: string[] = [];

beforeAll(async () => {
  server = createServer((request, reply) => void respond(request, reply));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // One connection for all runs, with one attempt for each request.
  const connect = Client.connect;
  jest
    .spyOn(Client, "connect")
    .mockImplementation((options) => connect({ ...options, limits: { maxAttempts: 1, headersTimeout: 5000 } }));
  await configure({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token });
});
beforeEach(collectWarnings);
afterAll(() => {
  jest.restoreAllMocks();
  server.closeAllConnections();
  server.close();
});

async function respond(request: IncomingMessage, reply: ServerResponse): Promise<void> {
  received.push(`${request.method} ${request.url}`);
  request.resume();
  const { status, headers, body, isCut } = response;
  const bytes = Buffer.from(body);
  reply.writeHead(status, isCut ? { ...headers, "content-length": bytes.length + 10 } : headers);
  if (!isCut) reply.end(bytes);
  else reply.write(bytes, () => reply.destroy());
}

const responses = readRecording("exchanges", newestVersion)
  .filter(({ responseBody }) => typeof responseBody === "object" && responseBody !== null)
  .map(({ status, responseBody }) => ({ status, body: responseBody }));

type Json = ReturnType<typeof JSON.parse>;

/** Changes one value of a recorded response. */
const mutated = fc
  .tuple(fc.constantFrom(...responses), fc.nat(), fc.oneof(anyValue, fc.constantFrom(...secrets)), fc.boolean())
  .map(([{ status, body }, at, value, isRemoved]) => {
    const copy = JSON.parse(toJson(body)) as Json;
    const places: [Record<string, unknown>, string][] = [];
    const visit = (node: unknown): void => {
      if (typeof node !== "object" || node === null) return;
      for (const key of Object.keys(node)) {
        places.push([node as Record<string, unknown>, key]);
        visit((node as Record<string, unknown>)[key]);
      }
    };
    visit(copy);
    const [node, key] = places[at % places.length] ?? [{}, ""];
    if (isRemoved) delete node[key];
    else node[key] = value;
    return { status, body: toJson(copy) };
  });

function toJson(value: unknown): string {
  const json: string | undefined = JSON.stringify(value, (_key, item: unknown) =>
    typeof item === "bigint" ? String(item) : item,
  );
  return json ?? "null";
}

const statuses = fc.oneof(
  fc.constantFrom(200, 201, 202, 204, 206, 301, 302, 304, 400, 401, 403, 404, 405, 409, 410, 413, 429, 500, 502, 503),
  fc.integer({ min: 200, max: 599 }),
);
const text = fc.oneof(hostileString, fc.constantFrom(...secrets));
const bodies = fc.oneof(
  anyValue.map(toJson),
  fc.tuple(text, text).map(([key, value]) => toJson({ detail: value, [key]: [value, { [key]: value }] })),
  text.map((value) => `<!doctype html><html><title>${value}</title><p>${value}</p>`),
  text,
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc.constantFrom("", "{", "[]", "null", '{"results":[],"pagination":{"next":0}}', '{"detail":"Not found."}'),
);
const contentTypes = fc.constantFrom(
  "application/json",
  "application/json; charset=utf-16",
  "application/problem+json",
  "text/html; charset=utf-8",
  "text/plain",
  "application/octet-stream",
  "",
);
/** Node.js rejects other characters in the headers that it sends. */
const headerValue = text.map((value) => value.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, "").slice(0, 300));

const fuzzed: fc.Arbitrary<FakeResponse> = fc
  .record({
    content: fc.oneof(fc.record({ status: statuses, body: bodies }), mutated),
    type: contentTypes,
    location: headerValue,
    requestId: headerValue,
    retryAfter: headerValue,
    isCut: fc.constantFrom(false, false, false, false, true),
  })
  .map(({ content, type, location, requestId, retryAfter, isCut }) => ({
    ...content,
    headers: { "content-type": type, location, "x-authentik-id": requestId, "retry-after": retryAfter },
    isCut,
  }));

const inputs: Readonly<Record<string, Inputs>> = {
  Invitation: { name: "jane", expires: "2036-01-01T00:00:00Z", fixedData: {}, singleUse: false, flow: pk },
  InvitationStage: { name: "invitation", continueFlowWithoutInvitation: false },
  Flow: { name: "Staff", slug: "staff", title: "Staff", designation: "enrollment", ...flowDefaults },
  FlowStageBinding: { target: pk, stage: pk, order: 0, ...bindingDefaults },
};

function stateOf(kind: Kind): Inputs {
  return {
    ...inputs[kind.name],
    pk,
    status: "pending",
    issuedAt: "2026-11-24T00:00:00Z",
    flowPk: pk,
    flowSlug: "staff",
    targetPk: pk,
  };
}

/** Whether authentik says that the object does not exist. */
function isNotFound({ status, headers, body, isCut }: FakeResponse): boolean {
  if (status !== 404 || isCut || !String(headers["content-type"]).includes("json")) return false;
  try {
    return typeof (JSON.parse(String(body)) as { detail?: unknown } | null)?.detail === "string";
  } catch {
    return false;
  }
}

/** Fails on a crash, a stack trace, a secret, or a character that a terminal interprets. `undefined` if the operation failed as it should. */
async function run<T>(operation: Promise<T>, hidden: readonly string[]): Promise<T | undefined> {
  const result = await operation.catch((error: unknown) => {
    if (!(error instanceof Error) || error.stack !== "") throw error;
    expectSafe(hidden, error.message);
    return undefined;
  });
  for (const warning of takeWarnings()) expectSafe(hidden, warning);
  const requests = received.splice(0);
  const writes = requests.filter((request) => !request.startsWith("GET "));
  if (writes.length > 1) throw new Error(`The provider sent ${writes.join(", ")}.`);
  for (const request of requests) {
    if (
      !/^[A-Z]+ \/api\/v3\/(stages|flows|events|core)\/[\w-]+\/([\w-]+\/)?([\w-]+\/)?(\?[\w=&%.+*~-]*)?$/.test(request)
    )
      throw new Error(`The provider sent ${JSON.stringify(request)}.`);
  }
  return result;
}

function expectSafe(hidden: readonly string[], message: string): void {
  expectPrintable(message);
  for (const secret of hidden) if (message.includes(secret)) throw new Error(`A message contains a secret: ${message}`);
  if (/\n\s+at /.test(message)) throw new Error(`A message contains a stack trace: ${message}`);
}

const isSuccess = ({ status }: FakeResponse): boolean => status >= 200 && status <= 299;

interface Case {
  readonly title: string;
  readonly runs: number;
  operate(provider: Kind["provider"], kind: Kind): Promise<unknown>;
  /** Whether the response allows this result. An operation that failed has none. */
  allows(response: FakeResponse, result: unknown): boolean;
}

const cases: readonly Case[] = [
  {
    title: "a create sends one POST, and fails unless the response has the created object",
    runs: 60,
    operate: (provider, { name }) => provider.create({ ...inputs[name], __origin: origin }),
    allows: isSuccess,
  },
  {
    title: "a refresh reports a deletion only if authentik does",
    runs: 100,
    operate: (provider, kind) => provider.read(pk, stateOf(kind)),
    allows: (fake, result) => {
      const { id, props } = result as { id?: string; props?: Inputs };
      // A flow is looked up in a list, which is empty, before its slug is.
      return (id !== undefined && props?.["gone"] !== true) || isNotFound(fake);
    },
  },
  {
    title: "a delete succeeds only if authentik reports that it deleted the object, or that it does not exist",
    runs: 100,
    operate: (provider, kind) => provider.delete(pk, stateOf(kind)).then(() => true),
    allows: (fake) => fake.status === 204 || isNotFound(fake),
  },
  {
    title: "an update that authentik did not confirm fails",
    runs: 60,
    operate: (provider, kind) => {
      const changed = kind.name === "FlowStageBinding" ? { order: 1 } : { name: "john" };
      return provider.update(pk, stateOf(kind), { ...inputs[kind.name], ...changed });
    },
    allows: isSuccess,
  },
];

describe.each(kinds.map((kind) => [kind.name, kind] as const))("%s", (name, kind) => {
  test.each(cases.map((testCase) => [testCase.title, testCase] as const))("%s", async (title, testCase) => {
    // Only an invitation's pk is a secret, which a create does not know yet.
    const hidden = name === "Invitation" && !title.startsWith("a create") ? secrets : [token];
    await fc.assert(
      fc.asyncProperty(fuzzed, fc.constantFrom(...doorsOf(kind)), async (fake, { provider }) => {
        response = fake;
        const result = await run(testCase.operate(provider, kind), hidden);
        if (result !== undefined && !testCase.allows(fake, result)) throw new Error("The operation succeeded.");
      }),
      runs(testCase.runs),
    );
  });
});
