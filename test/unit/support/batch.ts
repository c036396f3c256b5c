import { isDeepStrictEqual } from "node:util";
import type { Authentik } from "../../../sandbox";
import { type Door, type Provider, providerOf } from "./doors";
import { configureWith } from "./http-mocks";
import { unwrapSecrets } from "./secrets";

export type Properties = Record<string, unknown>;

const invitationsPath = "/api/v3/stages/invitation/invitations/";

/** The error of a partial failure, as the SDK recognizes it. */
export interface PartialFailure extends Error {
  readonly id: string;
  readonly properties: Properties;
  readonly reasons: readonly string[];
}

/** The inputs of a batch, as a program declares them. */
export function batchInputs(invitations: Properties, changes: Properties = {}): Properties {
  return { name: "intake", validFor: "14d", invitations, __origin: "dev/0123456789/abcdef012345", ...changes };
}

/** A batch in a stack: calls the provider as the engine does, with everything converted to JSON. */
export class Batch {
  id = "";
  inputs: Properties = {};
  outputs: Properties = {};
  /** Whether the last operation failed in part, so that the next run goes on. */
  isPartial = false;

  constructor(
    private readonly server: Authentik,
    readonly door: Door = "dynamic",
    private readonly provider: Provider = providerOf(door, "InvitationBatch"),
  ) {}

  /** Simulates a new provider process, whose connection has no cached knowledge. */
  async connect(settings: Record<string, string> = {}): Promise<void> {
    const { url, token } = this.server;
    await configureWith(this.provider, { "authentik:url": url, "authentik:token": token, ...settings });
  }

  /** Runs `pulumi up`, and returns its operation. A partial failure is stored in the state before it is thrown. */
  async up(news: Properties, settings: Record<string, string> = {}): Promise<"same" | "create" | "update"> {
    await this.connect(settings);
    const olds = this.id === "" ? {} : this.inputs;
    const { inputs, failures = [] } = await this.provider.check(olds, toWire(news));
    if (failures.length > 0) throw new Error(failures.map(({ reason }) => reason).join("\n"));
    const declared = unwrapSecrets(toWire(inputs)) as Properties;
    try {
      if (this.id === "") {
        const { id, outs } = await this.provider.create(declared);
        this.#store(id, declared, outs);
        return "create";
      }
      const { changes } = await this.provider.diff(this.id, toWire(this.outputs), declared, this.inputs);
      // Without an answer, the engine compares the inputs. It goes on after a partial failure.
      const isSame = changes === undefined && !this.isPartial && isDeepStrictEqual(this.inputs, declared);
      if (changes === false || isSame) {
        this.inputs = declared;
        return "same";
      }
      const { outs } = await this.provider.update(this.id, toWire(this.outputs), declared);
      this.#store(this.id, declared, outs ?? {});
      return "update";
    } catch (error) {
      if (isPartialFailure(error)) {
        this.#store(error.id, declared, error.properties);
        this.isPartial = true;
      }
      throw error;
    }
  }

  /** Runs `pulumi refresh`. */
  async refresh(settings: Record<string, string> = {}): Promise<void> {
    await this.connect(settings);
    const { id = "", props, inputs } = await this.provider.read(this.id, toWire(this.outputs), this.inputs);
    this.#store(id, toWire(inputs), props ?? {});
  }

  /** Runs `pulumi destroy`. */
  async destroy(): Promise<void> {
    await this.connect();
    await this.provider.delete(this.id, toWire(this.outputs));
    this.id = "";
  }

  get pks(): Record<string, string> {
    return (this.outputs["pks"] ?? {}) as Record<string, string>;
  }

  get statuses(): Record<string, string> {
    return (this.outputs["statuses"] ?? {}) as Record<string, string>;
  }

  pk(key: string): string {
    return String(this.pks[key]);
  }

  /** Changes an invitation as an admin does. */
  async patch(key: string, fields: Properties): Promise<void> {
    await this.server.request("PATCH", `${invitationsPath}${this.pk(key)}/`, fields);
  }

  #store(id: string, inputs: Properties, outputs: object): void {
    this.id = id;
    this.isPartial = false;
    this.inputs = unwrapSecrets(inputs) as Properties;
    this.outputs = unwrapSecrets(toWire(outputs)) as Properties;
  }
}

/** Whether the SDK keeps the state of a failed operation. */
export function isPartialFailure(error: unknown): error is PartialFailure {
  return error instanceof Error && "id" in error && "properties" in error && "reasons" in error;
}

/** Returns the partial failure that a promise rejects with. */
export async function catchPartialFailure(promise: Promise<unknown>): Promise<PartialFailure> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isPartialFailure(error)) throw new Error(`Expected a partial failure, but got ${String(error)}.`);
  return error;
}

/** The provider's requests since the last call, as `METHOD path?query` without pks, sorted. */
export function takeRequests(server: Authentik): string[] {
  const sent = server.requests.filter(({ userAgent }) => userAgent?.startsWith("pulumi-authentik-invitations/"));
  server.requests.length = 0;
  return sent
    .map(({ method, path, query }) => `${method} ${path}${query === "" ? "" : `?${query}`}`)
    .map((line) => line.replace("/api/v3", "").replaceAll(/[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}/g, "{pk}"))
    .sort();
}

/** Number of requests by method. */
export function countRequests(server: Authentik): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const line of takeRequests(server)) {
    const method = line.split(" ")[0] ?? "";
    counts[method] = (counts[method] ?? 0) + 1;
  }
  return counts;
}

function toWire(value: object): Properties {
  return JSON.parse(JSON.stringify(value)) as Properties;
}
