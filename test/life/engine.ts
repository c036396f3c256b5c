import { isDeepStrictEqual } from "node:util";
import { connect } from "../../provider/lifecycle/engine/connections";
import { invitationProvider } from "../../provider/lifecycle/invitation/provider";
import { providerSource } from "../../provider/resources/resource";

export type Properties = Record<string, unknown>;

/** A resource as the state holds it. */
export interface Resource {
  readonly id: string;
  readonly inputs: Properties;
  readonly outputs: Properties;
}

export type Operation = "same" | "create" | "update" | "replace" | "delete" | "read" | "gone";

/** One thing that the engine did to one resource. */
export interface Step<Sight> {
  readonly name: string;
  readonly operation: Operation;
  /** What was in the state before it. */
  readonly old: Resource | undefined;
  /** What is in the state after it. */
  readonly now: Resource | undefined;
  /** What the program declares, after check. */
  readonly declared: Properties | undefined;
  /** What there was to be seen of the world just then. */
  readonly sight: Sight;
}

export interface Run<Sight> {
  readonly steps: readonly Step<Sight>[];
  /** Why it ended early. */
  readonly failure: Error | undefined;
  /** Everything that the provider said: console, errors, reasons of check. */
  readonly said: readonly string[];
}

/** What the program declares, by logical name. */
export type Program = ReadonlyMap<string, Properties>;

/** A fault that check found in the program. */
export class CheckFailure extends Error {}

let processes = 0;

/**
 * A model of Pulumi's engine, as far as a dynamic provider sees it: in which order it is called, and with what. A run is a process of its
 * own: it has a connection that has learnt nothing yet. All that passes between engine and provider is made JSON, as on the way through gRPC.
 */
export class Engine<Sight> {
  readonly state = new Map<string, Resource>();
  /** Replaced ones that could not be deleted. The engine tries that again in the next run that changes anything. */
  readonly doomed = new Map<Resource, string>();
  #steps: Step<Sight>[] = [];

  constructor(
    /** `authentik:…`, as it is now. */
    private readonly settings: () => Readonly<Record<string, string>>,
    private readonly look: () => Sight,
  ) {}

  up(program: Program, { refresh = false } = {}): Promise<Run<Sight>> {
    return this.#run(async () => {
      if (refresh) await this.#refresh();
      await this.#deleteDoomed();
      for (const [name, news] of program) await this.#register(name, news);
      await this.#deleteDoomed();
      for (const name of [...this.state.keys()].reverse()) if (!program.has(name)) await this.#delete(name);
    });
  }

  refresh(): Promise<Run<Sight>> {
    return this.#run(() => this.#refresh());
  }

  destroy(): Promise<Run<Sight>> {
    return this.#run(async () => {
      await this.#deleteDoomed();
      for (const name of [...this.state.keys()].reverse()) await this.#delete(name);
    });
  }

  /** What `up` would do: check and diff alone, so that nothing is written, neither here nor there. */
  preview(program: Program): Promise<Run<Sight>> {
    return this.#run(async () => {
      for (const [name, news] of program) {
        const old = this.state.get(name);
        const { operation, declared } = await this.#plan(old, news);
        this.#note(name, operation, old, old, declared);
      }
    });
  }

  async #run(work: () => Promise<void>): Promise<Run<Sight>> {
    this.#steps = [];
    const said: string[] = [];
    const methods = ["log", "info", "warn", "error", "debug"] as const;
    const spies = methods.map((method) =>
      jest.spyOn(console, method).mockImplementation((...words: unknown[]) => {
        said.push(words.map(String).join(" "));
      }),
    );
    processes += 1;
    const settings = {
      ...this.settings(),
      // A connection is kept by its settings: this makes it another one.
      "authentik:headers": JSON.stringify({ "x-process": String(processes) }),
    };
    await invitationProvider.configure({ config: { get: (key) => settings[key as keyof typeof settings] } });
    let failure: Error | undefined;
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      failure = error;
      said.push(`${error.message}\n${error.stack}`);
    } finally {
      for (const spy of spies) spy.mockRestore();
      await connect().client.close();
    }
    return { steps: this.#steps, failure, said };
  }

  #note(name: string, operation: Operation, old?: Resource, now?: Resource, declared?: Properties): void {
    this.#steps.push({ name, operation, old, now, declared, sight: this.look() });
  }

  async #check(olds: Properties, news: Properties): Promise<Properties> {
    const { inputs = news, failures = [] } = await invitationProvider.check(wire(olds), wire(news));
    const [failure] = failures;
    if (failure) throw new CheckFailure(failure.reason);
    return wire({ ...inputs, __provider: news["__provider"] });
  }

  /** Whether the resource stays the same, and what is to be done if it does not. */
  async #plan(
    old: Resource | undefined,
    news: Properties,
  ): Promise<{ operation: "same" | "create" | "update" | "replace"; declared: Properties }> {
    const program = { ...news, __provider: providerSource("Invitation") };
    const declared = await this.#check(old?.inputs ?? {}, program);
    if (!old) return { operation: "create", declared };
    const { changes, replaces = [] } = await invitationProvider.diff(old.id, wire(old.outputs), wire(declared));
    // Where the provider leaves open whether there are changes, the engine compares the inputs.
    const changed = changes ?? !isDeepStrictEqual(old.inputs, declared);
    if (!changed) return { operation: "same", declared };
    if (replaces.length === 0) return { operation: "update", declared };
    return { operation: "replace", declared: await this.#check({}, program) };
  }

  async #register(name: string, news: Properties): Promise<void> {
    const old = this.state.get(name);
    const { operation, declared } = await this.#plan(old, news);
    const now = await this.#apply(operation, old, declared);
    this.state.set(name, now);
    if (old && operation === "replace") this.doomed.set(old, name);
    this.#note(name, operation, old, now, declared);
  }

  async #apply(
    operation: "same" | "create" | "update" | "replace",
    old: Resource | undefined,
    declared: Properties,
  ): Promise<Resource> {
    if (!old || operation === "create" || operation === "replace") {
      const { id, outs } = await invitationProvider.create(wire(declared));
      return { id, inputs: declared, outputs: withProvider(outs, declared) };
    }
    // What is the same has the new inputs all the same.
    if (operation === "same") return { ...old, inputs: declared };
    const { outs } = await invitationProvider.update(old.id, wire(old.outputs), wire(declared));
    return { id: old.id, inputs: declared, outputs: withProvider(outs, declared) };
  }

  async #refresh(): Promise<void> {
    for (const [name, old] of this.state) {
      const { id, props, inputs } = await invitationProvider.read(old.id, wire(old.outputs));
      if (id === undefined || id === "") {
        this.state.delete(name);
        this.#note(name, "gone", old);
        continue;
      }
      const now: Resource = {
        id,
        inputs: inputs === undefined ? old.inputs : withProvider(inputs, old.outputs),
        outputs: withProvider(props, old.outputs),
      };
      // For what is shown of it.
      await invitationProvider.diff(now.id, wire(now.outputs), wire(old.inputs));
      this.state.set(name, now);
      this.#note(name, "read", old, now);
    }
  }

  async #deleteDoomed(): Promise<void> {
    for (const [doomed, name] of this.doomed) {
      await invitationProvider.delete(doomed.id, wire(doomed.outputs));
      this.doomed.delete(doomed);
      this.#note(name, "delete", doomed);
    }
  }

  async #delete(name: string): Promise<void> {
    const old = this.state.get(name);
    if (!old) return;
    await invitationProvider.delete(old.id, wire(old.outputs));
    this.state.delete(name);
    this.#note(name, "delete", old);
  }
}

/** As it comes out of gRPC, whose structs know no `undefined`, no dates and no numbers that are none. */
function wire(properties: object): Properties {
  refuse(properties, "");
  return JSON.parse(JSON.stringify(properties)) as Properties;
}

function refuse(value: unknown, path: string): void {
  if (value === null || typeof value === "string" || typeof value === "boolean" || Number.isFinite(value)) return;
  const isPlain = Array.isArray(value) || (typeof value === "object" && !(value instanceof Date));
  if (!isPlain) throw new Error(`The engine can send no ${typeof value} (${path}).`);
  for (const [key, item] of Object.entries(value as object)) refuse(item, `${path}.${key}`);
}

function withProvider(properties: object, from: Properties): Properties {
  return wire({ ...properties, __provider: from["__provider"] });
}
