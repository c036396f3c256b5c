import { isDeepStrictEqual } from "node:util";
import { providerSource } from "../../provider/common/provider-source";
import { connect } from "../bundle-internals";
import { isPartialFailure } from "../unit/support/batch";
import { type Door, type Provider, providerOf } from "../unit/support/doors";
import { overTheWire } from "../unit/support/wire";

export type Properties = Record<string, unknown>;

/** A resource in the state. */
export interface Resource {
  readonly id: string;
  readonly inputs: Properties;
  readonly outputs: Properties;
  /** Whether the last operation succeeded only in part. The next run updates the resource, even if nothing changed. */
  readonly isIncomplete?: boolean;
}

/** `missing` is a refresh that did not find the resource, and removed it from the state. */
export type Operation = "same" | "create" | "update" | "replace" | "delete" | "read" | "missing";

/** An operation of the engine on one resource. */
export interface Step<Snapshot> {
  readonly name: string;
  readonly operation: Operation;
  /** The resource in the state before the step. */
  readonly before: Resource | undefined;
  /** The resource in the state after the step. */
  readonly after: Resource | undefined;
  /** The declared inputs, as returned by `check`. */
  readonly declared: Properties | undefined;
  /** Taken right after the operation. */
  readonly snapshot: Snapshot;
}

export interface Run<Snapshot> {
  readonly steps: readonly Step<Snapshot>[];
  /** The error that stopped the run. */
  readonly failure: Error | undefined;
  /** Everything that the provider printed or threw, line by line. */
  readonly output: readonly string[];
}

/** The declared inputs by logical name. */
export type Program = ReadonlyMap<string, Properties>;

/** The first validation error that `check` returned. */
export class CheckFailure extends Error {}

let processCount = 0;

/**
 * A model of Pulumi's engine as a provider sees it: the order of calls, and their arguments. Each run simulates a new provider process,
 * whose connection has no cached knowledge. Everything that passes between engine and provider is converted to JSON, as over gRPC.
 */
export class Engine<Snapshot> {
  readonly state = new Map<string, Resource>();
  /** Replaced resources that could not be deleted yet, with their names. The next `up` or `destroy` retries them. */
  readonly pendingDeletions = new Map<Resource, string>();
  readonly #provider: Provider;
  /** What the program adds to the inputs of dynamic resources. */
  readonly #hiddenInputs: Properties;
  #steps: Step<Snapshot>[] = [];

  constructor(
    door: Door,
    /** The current configuration (`authentik:…`). */
    private readonly settings: () => Readonly<Record<string, string>>,
    private readonly takeSnapshot: () => Snapshot,
  ) {
    this.#provider = providerOf(door, "Invitation");
    this.#hiddenInputs = door === "dynamic" ? { __provider: providerSource("Invitation") } : {};
  }

  up(program: Program, { refresh = false } = {}): Promise<Run<Snapshot>> {
    return this.#run(async () => {
      if (refresh) await this.#refresh();
      await this.#deletePending();
      for (const [name, news] of program) await this.#register(name, news);
      await this.#deletePending();
      for (const name of [...this.state.keys()].reverse()) if (!program.has(name)) await this.#delete(name);
    });
  }

  refresh(): Promise<Run<Snapshot>> {
    return this.#run(() => this.#refresh());
  }

  destroy(): Promise<Run<Snapshot>> {
    return this.#run(async () => {
      await this.#deletePending();
      for (const name of [...this.state.keys()].reverse()) await this.#delete(name);
    });
  }

  /** Plans an `up`: calls only `check` and `diff`, and changes neither the state nor the server. */
  preview(program: Program): Promise<Run<Snapshot>> {
    return this.#run(async () => {
      for (const [name, news] of program) {
        const old = this.state.get(name);
        const { operation, declared } = await this.#plan(old, news);
        this.#record(name, operation, old, old, declared);
      }
    });
  }

  async #run(work: () => Promise<void>): Promise<Run<Snapshot>> {
    this.#steps = [];
    const output: string[] = [];
    const methods = ["log", "info", "warn", "error", "debug"] as const;
    const spies = methods.map((method) =>
      jest.spyOn(console, method).mockImplementation((...args: unknown[]) => {
        output.push(args.map(String).join(" "));
      }),
    );
    processCount += 1;
    const settings = {
      ...this.settings(),
      // Connections are cached by their settings, so this one forces a new connection.
      "authentik:headers": JSON.stringify({ "x-process": String(processCount) }),
    };
    await this.#provider.configure({ config: { get: (key) => settings[key as keyof typeof settings] } });
    let failure: Error | undefined;
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      failure = error;
      output.push(`${error.message}\n${error.stack}`);
    } finally {
      for (const spy of spies) spy.mockRestore();
      await connect().client.close();
    }
    return { steps: this.#steps, failure, output };
  }

  #record(name: string, operation: Operation, before?: Resource, after?: Resource, declared?: Properties): void {
    this.#steps.push({ name, operation, before, after, declared, snapshot: this.takeSnapshot() });
  }

  async #check(olds: Properties, news: Properties): Promise<Properties> {
    const { inputs = news, failures = [] } = await this.#provider.check(overTheWire(olds), overTheWire(news));
    const [failure] = failures;
    if (failure) throw new CheckFailure(failure.reason);
    return overTheWire({ ...inputs, ...this.#hiddenInputs });
  }

  async #plan(
    old: Resource | undefined,
    news: Properties,
  ): Promise<{ operation: "same" | "create" | "update" | "replace"; declared: Properties }> {
    const args = { ...news, ...this.#hiddenInputs };
    const declared = await this.#check(old?.inputs ?? {}, args);
    if (!old) return { operation: "create", declared };
    const { changes, replaces = [] } = await this.#provider.diff(
      old.id,
      overTheWire(old.outputs),
      overTheWire(declared),
      overTheWire(old.inputs),
    );
    // If `diff` does not return `changes`, the engine compares the inputs.
    const changed = old.isIncomplete || (changes ?? !isDeepStrictEqual(old.inputs, declared));
    if (!changed) return { operation: "same", declared };
    if (replaces.length === 0) return { operation: "update", declared };
    return { operation: "replace", declared: await this.#check({}, args) };
  }

  async #register(name: string, news: Properties): Promise<void> {
    const old = this.state.get(name);
    const { operation, declared } = await this.#plan(old, news);
    const resource = await this.#apply(operation, old, declared).catch((error: unknown) => {
      if (isPartialFailure(error)) {
        const { id, properties } = error;
        this.state.set(name, { id, inputs: declared, outputs: overTheWire(properties), isIncomplete: true });
        if (old && operation === "replace") this.pendingDeletions.set(old, name);
      }
      throw error;
    });
    this.state.set(name, resource);
    if (old && operation === "replace") this.pendingDeletions.set(old, name);
    this.#record(name, operation, old, resource, declared);
  }

  async #apply(
    operation: "same" | "create" | "update" | "replace",
    old: Resource | undefined,
    declared: Properties,
  ): Promise<Resource> {
    if (!old || operation === "create" || operation === "replace") {
      const { id, outs } = await this.#provider.create(overTheWire(declared));
      return { id, inputs: declared, outputs: this.#withHidden(outs) };
    }
    // The engine stores the new inputs even if nothing changed.
    if (operation === "same") return { ...old, inputs: declared };
    const { outs } = await this.#provider.update(old.id, overTheWire(old.outputs), overTheWire(declared));
    return { id: old.id, inputs: declared, outputs: this.#withHidden(outs) };
  }

  async #refresh(): Promise<void> {
    for (const [name, old] of this.state) {
      const { id, props, inputs } = await this.#provider.read(
        old.id,
        overTheWire(old.outputs),
        overTheWire(old.inputs),
      );
      if (id === undefined || id === "") {
        this.state.delete(name);
        this.#record(name, "missing", old);
        continue;
      }
      const refreshed: Resource = {
        id,
        inputs: inputs === undefined ? old.inputs : this.#withHidden(inputs),
        outputs: this.#withHidden(props),
      };
      // The engine calls `diff` to display the drift.
      const { id: refreshedId, outputs } = refreshed;
      await this.#provider.diff(
        refreshedId,
        overTheWire(outputs),
        overTheWire(old.inputs),
        overTheWire(refreshed.inputs),
      );
      this.state.set(name, refreshed);
      this.#record(name, "read", old, refreshed);
    }
  }

  async #deletePending(): Promise<void> {
    for (const [resource, name] of this.pendingDeletions) {
      await this.#provider.delete(resource.id, overTheWire(resource.outputs));
      this.pendingDeletions.delete(resource);
      this.#record(name, "delete", resource);
    }
  }

  async #delete(name: string): Promise<void> {
    const old = this.state.get(name);
    if (!old) return;
    await this.#provider.delete(old.id, overTheWire(old.outputs));
    this.state.delete(name);
    this.#record(name, "delete", old);
  }

  #withHidden(properties: object | undefined): Properties {
    return overTheWire({ ...properties, ...this.#hiddenInputs });
  }
}
