import type { dynamic } from "@pulumi/pulumi";
import type { z } from "zod";
import { defaultConnection } from "../address";
import { NotFoundError } from "../authentik/errors";
import { canonicalUuid } from "../pk";
import { checkImport, givenImport, importInput, isAdopted, mismatch, noteAdoption } from "./adoption";
import { tellChange, tellDeletion } from "./attribution";
import { faults, given, isToBeCreated, type Properties, toDiff, toFailures } from "./check";
import { type Connection, configure, connect } from "./connections";
import { createOnce } from "./lost-answer";
import { forUser, forUserWithStoredSettings, UserError } from "./user-error";

interface Connected {
  readonly connection?: string;
}

/**
 * What makes one kind of object different from the others that live as plain objects do: made, changed in place, deleted, under a pk
 * that is no secret. (An invitation's life is another: see invitation.ts.)
 */
export interface ObjectKind<
  Inputs extends Connected,
  Stored extends { readonly pk: string },
  State extends Inputs & { readonly pk: string },
> {
  /** As messages name the kind: "invitation stage". */
  readonly noun: string;
  /** The name of its class, for messages: "InvitationStage". */
  readonly resource: string;
  /** The permission to see such objects. */
  readonly viewPermission: string;
  readonly schema: z.ZodObject;
  readonly defaults: Partial<Inputs>;
  /** The inputs by which the server tells two objects apart: a replacement that has the same can only come after the old one. */
  readonly unique: readonly string[];
  /** What messages call the one object: its name, say. */
  title(inputs: Partial<Inputs>): string;
  /** Each input, and whether what is declared is what the state has. What is not known yet counts as different. */
  compare(declared: Properties, state: State): readonly (readonly [input: string, isSame: boolean])[];
  /** The state after authentik answered, in the user's words where those still say the same. */
  stateOf(written: Partial<State>, stored: Stored): State;
  create(inputs: Inputs, connection: Connection): Promise<Stored>;
  /** What is in authentik as the inputs say, for the case that the answer to its creation was lost. */
  findEqual(inputs: Inputs, connection: Connection): Promise<readonly Stored[]>;
  /** `written` is what the state or the program has of it, nothing for a `get`. */
  retrieve(pk: string, connection: Connection, written: Partial<State>): Promise<Stored>;
  replace(pk: string, inputs: Inputs, state: State, connection: Connection): Promise<Stored>;
  delete(pk: string, connection: Connection, state: State): Promise<void>;
  /** A better error than the server's own, where one can be found: for a name that is taken. */
  explain(error: unknown, inputs: Inputs, connection: Connection): Promise<unknown>;
}

/** The life of such an object, as the engine asks for it. */
export function objectProvider<
  Inputs extends Connected,
  Stored extends { readonly pk: string },
  State extends Inputs & { readonly pk: string },
>(kind: ObjectKind<Inputs, Stored, State>) {
  /** The objects that this process has met in states or made: none of them is what a lost answer has made. */
  const knownPks = new Set<string>();

  function asState(properties: Properties): State {
    const state = properties as unknown as State;
    knownPks.add(state.pk);
    return state;
  }

  function named(inputs: Partial<Inputs>): string {
    return `${kind.noun} "${kind.title(inputs)}"`;
  }

  function differences(declared: Properties, state: State): string[] {
    const compared = kind.compare(declared, state);
    const isThere = (declared.connection ?? defaultConnection) === (state.connection ?? defaultConnection);
    return [...compared, ["connection", isThere] as const].filter(([, isSame]) => !isSame).map(([input]) => input);
  }

  function inputsOf(state: State): Record<string, unknown> {
    const names = Object.keys(kind.schema.shape);
    return given(Object.fromEntries(names.map((name) => [name, (state as Properties)[name]])));
  }

  async function make(inputs: Inputs): Promise<Stored> {
    const connection = connect(inputs.connection);
    try {
      return await createOnce(
        named(inputs),
        () => kind.create(inputs, connection),
        async () => (await kind.findEqual(inputs, connection)).filter(({ pk }) => !knownPks.has(pk)),
      );
    } catch (error) {
      throw await kind.explain(error, inputs, connection);
    }
  }

  async function adopt(inputs: Inputs, pk: string): Promise<Stored> {
    const what = capitalized(named(inputs));
    const connection = connect(inputs.connection);
    let stored: Stored;
    try {
      stored = await kind.retrieve(pk, connection, inputs as unknown as Partial<State>);
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      throw new UserError(
        `${what} cannot be imported: authentik has no ${kind.noun} with the pk ${pk}. Correct the pk, or remove the option import.`,
        { cause: error },
      );
    }
    const differing = differences(
      inputs as unknown as Properties,
      kind.stateOf(inputs as unknown as Partial<State>, stored),
    );
    if (differing.length > 0) throw new UserError(mismatch(what, differing));
    noteAdoption(pk);
    return stored;
  }

  /** The state as authentik has it now, undefined where the object is gone. What drifted is told. */
  async function refresh(pk: string, written: Partial<State>): Promise<State | undefined> {
    const connection = connect(written.connection);
    // Of a `get` there is no more than the pk and the connection: nothing to drift from.
    const isManaged = written.pk !== undefined;
    const what = capitalized(named(written as Partial<Inputs>));
    try {
      const state = kind.stateOf(written, await kind.retrieve(pk, connection, written));
      const drifted = isManaged ? differences(inputsOf(written as State), state) : [];
      if (drifted.length > 0) await tellChange(connection, what, pk, drifted);
      return state;
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      if (isManaged) {
        await tellDeletion(connection, what, pk);
        return undefined;
      }
      // To the engine a resource that `get` does not find would be one without outputs.
      throw new UserError(
        `${kind.resource}.get: authentik has no ${kind.noun} with the pk ${pk} that the token's user may see (permission ${kind.viewPermission}).`,
        { cause: error },
      );
    }
  }

  return {
    configure,

    async check(olds: Properties, news: Properties): Promise<dynamic.CheckResult> {
      const { [importInput]: importOption, ...inputs } = given(news);
      const adoption = checkImport(importOption, isToBeCreated(olds));
      return {
        inputs: given({ ...kind.defaults, ...inputs, [importInput]: adoption.pk }),
        failures: toFailures([...adoption.faults, ...faults(kind.schema, inputs)]),
      };
    },

    async diff(_id: string, olds: Properties, news: Properties): Promise<dynamic.DiffResult> {
      const changed = differences(news, asState(olds));
      const deleteBeforeReplace = ![...kind.unique, "connection"].some((input) => changed.includes(input));
      const replaces = changed.filter((input) => input === "connection");
      return { ...toDiff({ inputs: changed, replaces }), deleteBeforeReplace };
    },

    create(properties: Properties): Promise<dynamic.CreateResult> {
      return forUser(async () => {
        const inputs = properties as unknown as Inputs;
        const pk = givenImport(properties);
        const stored = pk === undefined ? await make(inputs) : await adopt(inputs, pk);
        knownPks.add(stored.pk);
        return { id: stored.pk, outs: kind.stateOf(inputs as unknown as Partial<State>, stored) };
      });
    },

    read(id: string, properties: Properties = {}): Promise<dynamic.ReadResult> {
      return forUserWithStoredSettings(async () => {
        const pk = canonicalUuid(id);
        if (pk === undefined) {
          throw new UserError(
            `An ${kind.noun} is read by its pk, which is a UUID: ${kind.resource}.get(name, pk).`.replace(
              /^An (?=[^aeiou])/,
              "A ",
            ),
          );
        }
        knownPks.add(pk);
        const state = await refresh(pk, properties as Partial<State>);
        return state ? { id: pk, props: state, inputs: inputsOf(state) } : {};
      });
    },

    update(id: string, olds: Properties, news: Properties): Promise<dynamic.UpdateResult> {
      return forUser(async () => {
        const inputs = news as unknown as Inputs;
        const state = asState(olds);
        const connection = connect(state.connection);
        try {
          return {
            outs: kind.stateOf(inputs as unknown as Partial<State>, await kind.replace(id, inputs, state, connection)),
          };
        } catch (error) {
          if (!(error instanceof NotFoundError)) throw await kind.explain(error, inputs, connection);
          throw new UserError(
            `${capitalized(named(inputs))} is gone from authentik, so that it cannot be changed: run \`pulumi up --refresh\`.`,
            { cause: error },
          );
        }
      });
    },

    delete(id: string, properties: Properties): Promise<void> {
      return forUserWithStoredSettings(async () => {
        const state = asState(properties);
        if (isAdopted(id)) {
          console.warn(`${named(state)}: not deleted, for another resource of this run has just adopted it.`);
          return;
        }
        await kind.delete(id, connect(state.connection), state);
      });
    },
  };
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
