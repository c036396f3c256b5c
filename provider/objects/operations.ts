import type { dynamic } from "@pulumi/pulumi";
import type { Client } from "../authentik/client";
import { NotFoundError } from "../authentik/errors";
import { defaultConnection } from "../common/base-url";
import { originInput, originOf } from "../common/origin";
import { normalizeUuid } from "../common/pk";
import { unknownValue } from "../common/reserved-strings";
import { hasSecretInput, type SecretInputs } from "../common/secret-inputs";
import {
  type Adoption,
  asRead,
  importedPk,
  importInput,
  isAdoptedWithWarning,
  readImported,
  separateImport,
} from "../lifecycle/adoption";
import { readAttribution, reportChange, reportDeletion } from "../lifecycle/attribution";
import { type Connection, configure, connect } from "../lifecycle/connections";
import { createExactlyOnce, findInterruptedCreation, type Recovery, trackPk, trackState } from "../lifecycle/creation";
import {
  errorsAtPreview,
  goneError,
  UserError,
  withUserErrors,
  withUserErrorsAndSettingsHint,
} from "../lifecycle/user-error";
import { separateHidden, toCheckFailures, toDiff, validate } from "../lifecycle/validation";
import { containsUnknown, type Properties, pick, withoutUndefined } from "../values/properties";
import { type Comparisons, differingInputs, storedInputs } from "./comparison";
import {
  connectionProperty,
  type Declaration,
  type Declared,
  defaultsOf,
  type FieldsOf,
  type InputsOf,
  inputSchema,
  permission,
} from "./declaration";
import { connectionInput } from "./property";
import type { requestsOf } from "./requests";

interface Connected extends SecretInputs {
  readonly connection?: string;
  readonly [originInput]?: string;
}

/** A connection with a client for the requests of one resource. */
export type ResourceConnection = Pick<Connection, "client" | "flowPk">;

/** The inputs of an object, with what every resource has. */
export type ObjectInputs<P extends Declared> = InputsOf<P> & Connected;

/** The outputs in the state: the inputs, the pk, and what the exceptions of the object add. */
export type ObjectState<P extends Declared> = ObjectInputs<P> & { readonly pk: string };

/**
 * How one kind of object differs from a plain one, which is created, updated in place and deleted, whose pk is not a secret, and whose requests are
 * those of its declaration. (An invitation is not one: see invitation/operations.ts.)
 */
export interface Exceptions<P extends Declared, Stored, State extends ObjectState<P>> {
  /** Errors in the combination of inputs, which include the defaults and may be unknown or invalid. */
  validateCombination?(inputs: Properties): readonly string[];
  /** For inputs that cannot be compared one by one. */
  isSame?(state: State): Comparisons;
  /** Called with the inputs and the state of an object that an update may change. */
  planUpdate?(declared: Properties, state: State): void;
  /** The parts of the state for a response that are not as stored. */
  toState?(configured: Partial<State>, stored: Stored): Partial<State>;
  create?(inputs: ObjectInputs<P>, connection: ResourceConnection): Promise<Stored>;
  /** `configured` is the old state, or the inputs of the program; empty for `get`. */
  retrieve?(pk: string, connection: ResourceConnection, configured: Partial<State>): Promise<Stored>;
  update?(pk: string, inputs: ObjectInputs<P>, state: State, connection: ResourceConnection): Promise<Stored>;
  delete?(pk: string, connection: ResourceConnection, state: State): Promise<void>;
  /** Returns a more specific error than authentik's where possible, for example for a name that is taken. */
  explainError(error: unknown, inputs: ObjectInputs<P>, connection: ResourceConnection): Promise<unknown>;
}

/** The operations on one kind of plain object, for the dynamic provider and the plugin. */
export function objectOperations<
  P extends Declared,
  Stored extends FieldsOf<P> & { readonly pk: string },
  State extends ObjectState<P> = ObjectState<P>,
>(
  declaration: Declaration<P>,
  requests: ReturnType<typeof requestsOf<P, Stored>>,
  exceptions: Exceptions<P, Stored, State>,
) {
  type Inputs = ObjectInputs<P>;
  const { name: resource, noun, model, identity, properties } = declaration;
  const schema = inputSchema({ ...properties, [connectionInput]: connectionProperty(noun) });
  const defaults = defaultsOf(properties);
  const kind = {
    create: (inputs: Inputs, { client }: ResourceConnection) =>
      requests.create(client, inputs as unknown as FieldsOf<P>),
    retrieve: (pk: string, { client }: ResourceConnection, _configured: Partial<State>) =>
      requests.retrieve(client, pk),
    update: (pk: string, inputs: Inputs, _state: State, { client }: ResourceConnection) =>
      requests.update(client, pk, inputs as unknown as FieldsOf<P>),
    delete: (pk: string, { client }: ResourceConnection, _state: State) => requests.delete(client, pk),
    ...exceptions,
  };

  /** The connection for the requests of one resource, with its own client unless another one is given. */
  function connectFor(properties: Partial<Connected>, client?: Client): ResourceConnection {
    const connection = connect(properties.connection);
    return {
      client: (client ?? connection.clientOf(originOf(properties))).withholdingText(hasSecretInput(properties)),
      flowPk: (slug, input) => connection.flowPk(slug, input),
    };
  }

  function describe(inputs: Partial<Inputs>): string {
    return `${noun} "${identity.map((name) => (inputs as Properties)[name]).join("/")}"`;
  }

  function changedInputs(declared: Properties, state: State): string[] {
    const changed = differingInputs(properties, declared, state as Properties, exceptions.isSame?.(state));
    const isSameConnection = (declared.connection ?? defaultConnection) === (state.connection ?? defaultConnection);
    return isSameConnection ? changed : [...changed, connectionInput];
  }

  function toState(configured: Partial<State>, stored: Stored): State {
    return withoutUndefined({
      ...storedInputs(properties, configured as Properties, stored as Properties),
      pk: stored.pk,
      ...exceptions.toState?.(configured, stored),
      connection: configured.connection,
      [originInput]: configured[originInput],
    }) as unknown as State;
  }

  function toInputs(state: State): Record<string, unknown> {
    return withoutUndefined(pick(state as Properties, [...Object.keys(schema.shape), originInput]));
  }

  async function createObject(inputs: Inputs): Promise<Stored> {
    try {
      return await createExactlyOnce(connect(inputs.connection), originOf(inputs), {
        object: describe(inputs),
        model,
        id: (pk) => pk,
        create: (client) => kind.create(inputs, connectFor(inputs, client)),
        retrieve: (client, pk) => kind.retrieve(pk, connectFor(inputs, client), inputs as unknown as Partial<State>),
      });
    } catch (error) {
      throw await kind.explainError(error, inputs, connectFor(inputs));
    }
  }

  /** An existing object that matches the inputs, as far as they are known. */
  async function importObject(inputs: Inputs, pk: string, isCheck: boolean): Promise<Stored> {
    const configured = inputs as unknown as Partial<State>;
    return await readImported(pk, isCheck, {
      object: describe(inputs),
      connection: inputs.connection,
      missing: `${noun} with the pk ${pk}. Correct the pk, or remove the resource option import.`,
      retrieve: () => kind.retrieve(pk, connectFor(inputs), configured),
      compare: (stored) =>
        changedInputs(inputs as unknown as Properties, toState(configured, stored)).filter(
          (name) => !containsUnknown((inputs as Properties)[name]),
        ),
    });
  }

  /** Reads the current state and reports drift. Returns `undefined` if the object does not exist. */
  async function refresh(pk: string, configured: Partial<State>): Promise<State | undefined> {
    const connection = connect(configured.connection);
    // `get` passes only the pk and the connection, so there is nothing that could drift.
    const isManaged = configured.pk !== undefined;
    const object = { name: describe(configured as Partial<Inputs>), pk, origin: originOf(configured) };
    try {
      const state = toState(configured, await kind.retrieve(pk, connectFor(configured), configured));
      const drifted = isManaged ? changedInputs(toInputs(configured as State), state) : [];
      if (drifted.length > 0) {
        reportChange(connection, object, drifted, await readAttribution(connection, object, "model_updated"));
      }
      return state;
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      if (isManaged) {
        reportDeletion(connection, object, await readAttribution(connection, object, "model_deleted"));
        return undefined;
      }
      // The engine would turn a resource that `get` does not find into one without outputs.
      throw new UserError(
        `${resource}.get: authentik has no ${noun} with the pk ${pk} that the token's user is allowed to view (permission ${permission(declaration, "view")}).`,
        { cause: error },
      );
    }
  }

  /** An object that no longer exists was deleted since, so that it is not recovered. */
  async function recover(properties: Properties): Promise<Recovery> {
    const inputs = properties as unknown as Inputs;
    const configured = properties as unknown as Partial<State>;
    const found = await findInterruptedCreation(connect(inputs.connection), originOf(inputs), {
      object: describe(inputs),
      model,
      retrieve: (client, pk) => kind.retrieve(pk, connectFor(inputs, client), configured),
    });
    if (found.outcome !== "found") return found;
    if (found.stored === undefined) return { outcome: "not created" };
    const outputs = toState(configured, found.stored) as unknown as Properties;
    return { outcome: "created", id: found.stored.pk, outputs, created: found.event.created };
  }

  return {
    configure,
    recover,

    async check(olds: Properties, news: Properties): Promise<dynamic.CheckResult> {
      const { hidden, isCreated, ...all } = separateHidden(olds, news);
      const { inputs, pk, errors: importErrors } = separateImport(all.inputs, isCreated);
      const declared = withoutUndefined({ ...defaults, ...inputs, [importInput]: pk, ...hidden });
      const errors = [
        ...importErrors,
        ...validate(schema, inputs),
        ...(kind.validateCombination?.({ ...defaults, ...inputs }) ?? []),
      ];
      if (errors.length === 0 && pk !== undefined && pk !== unknownValue) {
        errors.push(...(await errorsAtPreview(() => importObject(declared as unknown as Inputs, pk, true))));
      }
      return { inputs: declared, failures: toCheckFailures(errors) };
    },

    adopt(olds: Properties, news: Properties): Adoption {
      const differingIn = (declared: Properties): string[] =>
        changedInputs(declared, olds as unknown as State).filter((name) => !containsUnknown(news[name]));
      const differing = differingIn(asRead(news));
      const added = differingIn(news).filter((name) => !differing.includes(name));
      return { object: describe(olds as Partial<Inputs>), differing, state: { ...olds, ...pick(news, added) }, added };
    },

    async diff(_id: string, olds: Properties, news: Properties): Promise<dynamic.DiffResult> {
      const state = trackState<State>(olds);
      kind.planUpdate?.(news, state);
      const changed = changedInputs(news, state);
      const deleteBeforeReplace = ![...identity, connectionInput].some((input) => changed.includes(input));
      const replaces = changed.filter((input) => input === connectionInput);
      return { ...toDiff({ inputs: changed, replaces }), deleteBeforeReplace };
    },

    create(properties: Properties): Promise<dynamic.CreateResult> {
      return withUserErrors(async () => {
        const inputs = properties as unknown as Inputs;
        const pk = importedPk(properties);
        const stored = pk === undefined ? await createObject(inputs) : await importObject(inputs, pk, false);
        trackPk(stored.pk);
        return { id: stored.pk, outs: toState(inputs as unknown as Partial<State>, stored) };
      });
    },

    read(id: string, properties: Properties = {}): Promise<dynamic.ReadResult> {
      return withUserErrorsAndSettingsHint(async () => {
        const pk = normalizeUuid(id);
        if (pk === undefined) {
          throw new UserError(
            `The pk of the ${noun} must be a UUID, not a name or slug. Look it up with ${declaration.documentation.lookup?.function}.`,
          );
        }
        trackPk(pk);
        const state = await refresh(pk, properties as Partial<State>);
        return state ? { id: pk, props: state, inputs: toInputs(state) } : {};
      });
    },

    update(id: string, olds: Properties, news: Properties): Promise<dynamic.UpdateResult> {
      return withUserErrors(async () => {
        const inputs = news as unknown as Inputs;
        const state = trackState<State>(olds);
        const connection = connectFor(state);
        try {
          const stored = await kind.update(id, inputs, state, connection);
          return { outs: toState(inputs as unknown as Partial<State>, stored) };
        } catch (error) {
          if (!(error instanceof NotFoundError)) throw await kind.explainError(error, inputs, connection);
          throw goneError(describe(inputs), error);
        }
      });
    },

    delete(id: string, properties: Properties): Promise<void> {
      return withUserErrorsAndSettingsHint(async () => {
        const state = trackState<State>(properties);
        if (!isAdoptedWithWarning(id, state.connection, describe(state)))
          await kind.delete(id, connectFor(state), state);
      });
    },
  };
}
