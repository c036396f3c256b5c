import type { Admin } from "./admin";
import { readDrift } from "./drift";
import { Disappointment } from "./processes";
import type { Run, Workspace } from "./workspace";

/** What somebody changes in authentik by hand, and how Pulumi shows it. */
export interface Change {
  /** What the admin does, as a sentence. */
  readonly does: string;
  make(admin: Admin): Promise<void>;
  /** Each value that is then shown, from what the code declares to what authentik has: `singleUse: true => false`. */
  readonly values: readonly (readonly [name: string, declared: string, found: string])[];
  /** What Pulumi will do about it: `update quick-start-lead`. */
  readonly repair: string;
}

export interface Plot {
  readonly workspace: Workspace;
  readonly admin: Admin;
  readonly stack: string;
  /** Configuration of the stack, in the order in which it is set; a value `{ secret: … }` is not shown. */
  readonly config: Readonly<Record<string, string | { secret: string }>>;
  /** Names in authentik of what the program makes. */
  readonly invitations: readonly string[];
  readonly stages: readonly string[];
  /** Whether a name in authentik belongs to the story. */
  isOurs(name: string): boolean;
  readonly changes: readonly Change[];
  /** What the program is, for a heading. */
  readonly program: string;
}

/** How the story is told: all that Pulumi prints (demo), or only whether it went as it should (live). */
export interface Teller {
  /** A step begins; it says in one sentence what happens. */
  heading(sentence: string): void;
  /** A command begins, as one would type it. */
  command(line: string): void;
  /** Whether commands print what they print. */
  readonly echo: boolean;
  say(sentence: string): void;
}

/** The life of some invitations under Pulumi, step by step. Each step checks what it shows. */
export class Story {
  readonly #plot: Plot;
  readonly #teller: Teller;

  constructor(plot: Plot, teller: Teller) {
    this.#plot = plot;
    this.#teller = teller;
  }

  /** The story from its beginning to its end; `meanwhile` comes before the end. */
  async tell(meanwhile: () => Promise<void> = async () => {}): Promise<void> {
    await this.begin();
    await this.create();
    await this.showLinks();
    await this.rest();
    await this.changeByHand();
    await this.findDrift();
    await this.repair();
    await this.agree();
    await meanwhile();
    await this.end();
  }

  async begin(): Promise<void> {
    const { stack, config } = this.#plot;
    this.#teller.heading("A new stack is told where authentik is, and with which token to ask.");
    await this.succeed(["stack", "init", stack]);
    for (const [key, value] of Object.entries(config)) await this.configure(key, value);
  }

  async create(): Promise<void> {
    const { program, invitations, stages } = this.#plot;
    this.#teller.heading(`Pulumi makes in authentik what ${program} declares.`);
    await this.succeed(["up", "--yes", "--skip-preview"]);
    await this.#holds(invitations, stages);
  }

  async showLinks(): Promise<void> {
    this.#teller.heading("The links are secret, and show when somebody asks for them.");
    const { stdout } = await this.succeed(["stack", "output", "links", "--show-secrets"]);
    const links = Object.values(JSON.parse(stdout) as Record<string, string>);
    const pks = (await this.#plot.admin.all("invitations")).filter(({ name }) => this.#plot.isOurs(name));
    const strange = links.find((link) => !pks.some(({ pk }) => link.endsWith(`/?itoken=${pk}`)));
    if (links.length === 0) throw new Disappointment("There are no links.");
    if (strange !== undefined) throw new Disappointment("A link leads to no invitation that authentik has.");
  }

  async rest(): Promise<void> {
    this.#teller.heading("Now code and authentik agree: a preview finds nothing to do.");
    await this.succeed(["preview", "--expect-no-changes"]);
  }

  async changeByHand(): Promise<void> {
    this.#teller.heading("Somebody changes things by hand, in authentik, and tells nobody.");
    for (const change of this.#plot.changes) {
      await change.make(this.#plot.admin);
      this.#teller.say(change.does);
    }
  }

  async findDrift(): Promise<void> {
    this.#teller.heading("A preview with a refresh finds each of these changes, line by line.");
    const { code, output } = await this.run(["preview", "--refresh", "--diff", "--expect-no-changes"]);
    const { changes } = this.#plot;
    const drift = readDrift(output);
    const values = changes.flatMap((change) => change.values);
    const problems = [
      ...(code === 7 ? [] : [`the exit code is ${code} instead of 7`]),
      ...differences(
        drift.planned,
        values.map(([name, declared, found]) => `${name}: ${found} => ${declared}`),
      ),
      ...differences(
        drift.operations,
        changes.map(({ repair }) => repair),
      ),
      // The refresh shows what follows from a change, too, such as the UUID of another flow.
      ...missing(
        drift.found,
        values.map(([name, declared, found]) => `${name}: ${declared} => ${found}`),
      ),
    ];
    if (problems.length > 0) throw new Disappointment(this.#told("The drift is not shown", problems, output));
    this.#teller.say(
      "Exit code 7: changes were found where none were expected. A job that runs this at night fails with it, and so tells.",
    );
  }

  async repair(): Promise<void> {
    this.#teller.heading("Pulumi puts back what the code says.");
    await this.succeed(["up", "--refresh", "--yes", "--skip-preview"]);
    await this.#holds(this.#plot.invitations, this.#plot.stages);
  }

  async agree(): Promise<void> {
    this.#teller.heading("Code and authentik agree again, asked of authentik itself: exit code 0.");
    await this.succeed(["preview", "--refresh", "--expect-no-changes"]);
  }

  async end(): Promise<void> {
    this.#teller.heading("Pulumi deletes all that it made.");
    await this.succeed(["destroy", "--yes", "--skip-preview"]);
    await this.#holds([], []);
    this.#teller.say("authentik, asked itself, has 0 of these invitations and 0 of these stages left.");
  }

  async configure(key: string, value: string | { secret: string }): Promise<void> {
    if (typeof value === "string") await this.succeed(["config", "set", key, value]);
    // Typed, it is asked for: so it stands neither in the shell's history nor in the list of processes.
    else await this.succeed(["config", "set", "--secret", key], value.secret);
  }

  /** Runs `pulumi`, which must succeed. */
  async succeed(args: readonly string[], input?: string): Promise<Run> {
    const run = await this.run(args, input);
    if (run.code === 0) return run;
    throw new Disappointment(this.#told(`pulumi ${args.join(" ")} ended with ${run.code}`, [], run.output));
  }

  async run(args: readonly string[], input?: string): Promise<Run> {
    this.#teller.command(`pulumi ${args.join(" ")}`);
    return await this.#plot.workspace.pulumi(args, { input, echo: this.#teller.echo });
  }

  /** Asks authentik itself whether it has exactly these of ours. */
  async #holds(invitations: readonly string[], stages: readonly string[]): Promise<void> {
    const { admin } = this.#plot;
    for (const [kind, names] of [["invitations", invitations] as const, ["stages", stages] as const]) {
      const there = (await admin.all(kind)).map(({ name }) => name).filter((name) => this.#plot.isOurs(name));
      const problems = differences(there, names);
      if (problems.length > 0)
        throw new Disappointment(`authentik has not the ${kind} that it should have: ${problems.join("; ")}.`);
    }
  }

  /** A failure's text; where what Pulumi printed was not seen, with it. */
  #told(what: string, problems: readonly string[], output: string): string {
    const sentence = `${what}${problems.length > 0 ? `: ${problems.join("; ")}` : ""}.`;
    return this.#teller.echo ? sentence : `${sentence} It printed:\n\n${output}`;
  }
}

function missing(there: readonly string[], wanted: readonly string[]): string[] {
  return wanted.filter((one) => !there.includes(one)).map((one) => `${one} is missing`);
}

function differences(there: readonly string[], wanted: readonly string[]): string[] {
  const surplus = there.filter((one) => !wanted.includes(one)).map((one) => `${one} is one too many`);
  const repeated =
    there.length !== wanted.length && surplus.length === 0 ? [`${there.length} instead of ${wanted.length}`] : [];
  const lacking = missing(there, wanted);
  return [...lacking, ...surplus, ...(lacking.length === 0 ? repeated : [])];
}
