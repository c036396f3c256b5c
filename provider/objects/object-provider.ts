import type { dynamic } from "@pulumi/pulumi";
import type * as z from "zod";
import type { Client } from "../authentik/client";
import { NotFoundError } from "../authentik/errors";
import { defaultConnection } from "../common/base-url";
import { log } from "../common/log";
import { type Origin, originInput, parseOrigin } from "../common/origin";
import { normalizeUuid } from "../common/pk";
import { toPrintableLine } from "../common/printable";
import { hasSecretInput, type SecretInputs, secretInputsInput } from "../common/secret-inputs";
import {
  formatImportMismatch,
  importedPk,
  importInput,
  isAdopted,
  recordAdoption,
  retrieveImported,
  validateImport,
} from "../lifecycle/adoption";
import { reportChange, reportDeletion } from "../lifecycle/attribution";
import { type Connection, configure, connect } from "../lifecycle/connections";
import { warnAboutEarlierCreation } from "../lifecycle/earlier-creations";
import { createExactlyOnce } from "../lifecycle/lost-response";
import { findInterruptedCreation, type Recovery } from "../lifecycle/recovery";
import { errorsAtPreview, UserError, withUserErrors, withUserErrorsAndSettingsHint } from "../lifecycle/user-error";
import { isCreate, toCheckFailures, toDiff, validate } from "../lifecycle/validation";
import { containsUnknown, type Properties, unknownValue, withoutUndefined } from "../values/properties";
import { capitalize } from "../values/strings";

interface Connected extends SecretInputs {
  readonly connection?: string;
  readonly [originInput]?: string;
}

/** A connection with a client for the requests of one resource. */
export type ResourceConnection = Pick<Connection, "client" | "flowPk">;

/**
 * What distinguishes one kind of plain object from the others. A plain object is created, updated in place and deleted, and its pk is not a
 * secret. (An invitation is not one: see ../invitation/provider.ts.)
 */
export interface ObjectKind<
  Inputs extends Connected,
  Stored extends { readonly pk: string },
  State extends Inputs & { readonly pk: string },
> {
  /** The kind's name in messages: "invitation stage". */
  readonly noun: string;
  /** authentik's name of the model in its event log: "invitationstage". */
  readonly model: string;
  /** The resource class's name in messages: "InvitationStage". */
  readonly resource: string;
  /** The permission to view objects of this kind. */
  readonly viewPermission: string;
  readonly schema: z.ZodObject;
  readonly defaults: Partial<Inputs>;
  /** Errors in the combination of inputs, which include the defaults and may be unknown or invalid. */
  validateCombination?(inputs: Properties): readonly string[];
  /** The inputs that must be unique in authentik: a replacement with the same values has to be created after the old one is deleted. */
  readonly uniqueInputs: readonly string[];
  /** The object's name in messages. */
  displayName(inputs: Partial<Inputs>): string;
  /** Each input, and whether its declared value equals the one in the state. An unknown value counts as different. */
  compare(declared: Properties, state: State): readonly (readonly [input: string, isSame: boolean])[];
  /** Called with the inputs and the state of an object that an update may change. */
  planUpdate?(declared: Properties, state: State): void;
  /** The state for a response of authentik, with inputs as configured where they are equal. */
  toState(configured: Partial<State>, stored: Stored): State;
  create(inputs: Inputs, connection: ResourceConnection): Promise<Stored>;
  /** `configured` is the old state, or the inputs of the program; empty for `get`. */
  retrieve(pk: string, connection: ResourceConnection, configured: Partial<State>): Promise<Stored>;
  update(pk: string, inputs: Inputs, state: State, connection: ResourceConnection): Promise<Stored>;
  delete(pk: string, connection: ResourceConnection, state: State): Promise<void>;
  /** Returns a more specific error than authentik's where possible, for example for a name that is taken. */
  explainError(error: unknown, inputs: Inputs, connection: ResourceConnection): Promise<unknown>;
}

/** The dynamic provider of one kind of plain object. */
export function objectProvider<
  Inputs extends Connected,
  Stored extends { readonly pk: string },
  State extends Inputs & { readonly pk: string },
>(kind: ObjectKind<Inputs, Stored, State>) {
  /** Pks of resources in the state, as far as this process has seen them. */
  const knownPks = new Set<string>();

  function trackState(properties: Properties): State {
    const state = properties as unknown as State;
    knownPks.add(state.pk);
    return state;
  }

  function originOf(properties: Partial<Connected>): Origin | undefined {
    return parseOrigin(properties[originInput]);
  }

  function resourceConnection(properties: Partial<Connected>): ResourceConnection {
    const connection = connect(properties.connection);
    return {
      client: connection.clientOf(originOf(properties)).withholdingText(hasSecretInput(properties)),
      flowPk: (slug, input) => connection.flowPk(slug, input),
    };
  }

  function describe(inputs: Partial<Inputs>): string {
    return `${kind.noun} "${kind.displayName(inputs)}"`;
  }

  function changedInputs(declared: Properties, state: State): string[] {
    const compared = kind.compare(declared, state);
    const isSameConnection = (declared.connection ?? defaultConnection) === (state.connection ?? defaultConnection);
    return [...compared, ["connection", isSameConnection] as const]
      .filter(([, isSame]) => !isSame)
      .map(([input]) => input);
  }

  function toInputs(state: State): Record<string, unknown> {
    const names = Object.keys(kind.schema.shape);
    return withoutUndefined(
      Object.fromEntries([...names, originInput].map((name) => [name, (state as Properties)[name]])),
    );
  }

  async function createObject(inputs: Inputs): Promise<Stored> {
    const connection = connect(inputs.connection);
    const origin = originOf(inputs);
    const { model } = kind;
    const withClient = (client: Client): ResourceConnection => ({
      ...resourceConnection(inputs),
      client: client.withholdingText(hasSecretInput(inputs)),
    });
    const retrieve = (client: Client, pk: string): Promise<Stored> =>
      kind.retrieve(pk, withClient(client), inputs as unknown as Partial<State>);
    try {
      const [stored] = await Promise.all([
        createExactlyOnce(connection, origin, {
          object: describe(inputs),
          model,
          create: (client) => kind.create(inputs, withClient(client)),
          retrieve,
        }),
        warnAboutEarlierCreation(connection, origin, {
          name: describe(inputs),
          model,
          isInState: (pk) => knownPks.has(pk),
          id: (pk) => pk,
          retrieve,
        }),
      ]);
      return stored;
    } catch (error) {
      throw await kind.explainError(error, inputs, resourceConnection(inputs));
    }
  }

  async function adopt(inputs: Inputs, pk: string): Promise<Stored> {
    const stored = await readImported(inputs, pk, false);
    recordAdoption(pk);
    return stored;
  }

  /** An existing object that matches the inputs, as far as they are known. */
  async function readImported(inputs: Inputs, pk: string, isCheck: boolean): Promise<Stored> {
    const object = describe(inputs);
    let stored: Stored;
    try {
      const connection = resourceConnection(inputs);
      stored = await retrieveImported(pk, isCheck, () =>
        kind.retrieve(pk, connection, inputs as unknown as Partial<State>),
      );
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      throw new UserError(
        `${capitalize(object)} cannot be imported: authentik has no ${kind.noun} with the pk ${pk}. Correct the pk, or remove the resource option import.`,
        { cause: error },
      );
    }
    const differing = changedInputs(
      inputs as unknown as Properties,
      kind.toState(inputs as unknown as Partial<State>, stored),
    ).filter((name) => !containsUnknown((inputs as Properties)[name]));
    if (differing.length > 0) throw new UserError(formatImportMismatch(object, differing));
    return stored;
  }

  /** Reads the current state and reports drift. Returns `undefined` if the object does not exist. */
  async function refresh(pk: string, configured: Partial<State>): Promise<State | undefined> {
    const connection = connect(configured.connection);
    // `get` passes only the pk and the connection, so there is nothing that could drift.
    const isManaged = configured.pk !== undefined;
    const object = { name: describe(configured as Partial<Inputs>), pk, origin: originOf(configured) };
    try {
      const state = kind.toState(configured, await kind.retrieve(pk, resourceConnection(configured), configured));
      const drifted = isManaged ? changedInputs(toInputs(configured as State), state) : [];
      if (drifted.length > 0) await reportChange(connection, object, drifted);
      return state;
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      if (isManaged) {
        await reportDeletion(connection, object);
        return undefined;
      }
      // The engine would turn a resource that `get` does not find into one without outputs.
      throw new UserError(
        `${kind.resource}.get: authentik has no ${kind.noun} with the pk ${pk} that the token's user is allowed to view (permission ${kind.viewPermission}).`,
        { cause: error },
      );
    }
  }

  /** An object that no longer exists was deleted since, so that it is not recovered. */
  async function recover(properties: Properties): Promise<Recovery> {
    const inputs = properties as unknown as Inputs;
    const found = await findInterruptedCreation(connect(inputs.connection), originOf(inputs), {
      object: describe(inputs),
      model: kind.model,
      retrieve: (client, pk) =>
        kind.retrieve(pk, { ...resourceConnection(inputs), client }, inputs as unknown as Partial<State>),
    });
    if (found.outcome !== "found") return found;
    if (found.stored === undefined) return { outcome: "not created" };
    const outputs = kind.toState(inputs as unknown as Partial<State>, found.stored) as unknown as Properties;
    return { outcome: "created", id: found.stored.pk, outputs, created: found.event.created };
  }

  return {
    configure,
    recover,

    async check(olds: Properties, news: Properties): Promise<dynamic.CheckResult> {
      const {
        [importInput]: importOption,
        [originInput]: newOrigin,
        [secretInputsInput]: secretInputs,
        ...inputs
      } = withoutUndefined(news);
      const adoption = validateImport(importOption, isCreate(olds));
      const origin = isCreate(olds) ? newOrigin : olds[originInput];
      const declared = withoutUndefined({
        ...kind.defaults,
        ...inputs,
        [importInput]: adoption.pk,
        [originInput]: origin,
        [secretInputsInput]: secretInputs,
      });
      const errors = [
        ...adoption.errors,
        ...validate(kind.schema, inputs),
        ...(kind.validateCombination?.({ ...kind.defaults, ...inputs }) ?? []),
      ];
      const pk = importedPk(declared);
      if (errors.length === 0 && pk !== undefined && pk !== unknownValue) {
        errors.push(...(await errorsAtPreview(() => readImported(declared as unknown as Inputs, pk, true))));
      }
      return { inputs: declared, failures: toCheckFailures(errors) };
    },

    async diff(_id: string, olds: Properties, news: Properties): Promise<dynamic.DiffResult> {
      const state = trackState(olds);
      kind.planUpdate?.(news, state);
      const changed = changedInputs(news, state);
      const deleteBeforeReplace = ![...kind.uniqueInputs, "connection"].some((input) => changed.includes(input));
      const replaces = changed.filter((input) => input === "connection");
      return { ...toDiff({ inputs: changed, replaces }), deleteBeforeReplace };
    },

    create(properties: Properties): Promise<dynamic.CreateResult> {
      return withUserErrors(async () => {
        const inputs = properties as unknown as Inputs;
        const pk = importedPk(properties);
        const stored = pk === undefined ? await createObject(inputs) : await adopt(inputs, pk);
        knownPks.add(stored.pk);
        return { id: stored.pk, outs: kind.toState(inputs as unknown as Partial<State>, stored) };
      });
    },

    read(id: string, properties: Properties = {}): Promise<dynamic.ReadResult> {
      return withUserErrorsAndSettingsHint(async () => {
        const pk = normalizeUuid(id);
        if (pk === undefined) {
          throw new UserError(
            `The pk of the ${kind.noun} must be a UUID. Use ${kind.resource}.get(name, id) or the resource option import, not the option id.`,
          );
        }
        knownPks.add(pk);
        const state = await refresh(pk, properties as Partial<State>);
        return state ? { id: pk, props: state, inputs: toInputs(state) } : {};
      });
    },

    update(id: string, olds: Properties, news: Properties): Promise<dynamic.UpdateResult> {
      return withUserErrors(async () => {
        const inputs = news as unknown as Inputs;
        const state = trackState(olds);
        const connection = resourceConnection(state);
        try {
          const stored = await kind.update(id, inputs, state, connection);
          return { outs: kind.toState(inputs as unknown as Partial<State>, stored) };
        } catch (error) {
          if (!(error instanceof NotFoundError)) throw await kind.explainError(error, inputs, connection);
          throw new UserError(
            `${capitalize(describe(inputs))} no longer exists in authentik. Run \`pulumi up --refresh\`.`,
            { cause: error },
          );
        }
      });
    },

    delete(id: string, properties: Properties): Promise<void> {
      return withUserErrorsAndSettingsHint(async () => {
        const state = trackState(properties);
        if (isAdopted(id)) {
          log.warn(
            toPrintableLine(
              `${capitalize(describe(state))}: not deleted, because another resource adopted it in this run.`,
            ),
          );
          return;
        }
        await kind.delete(id, resourceConnection(state), state);
      });
    },
  };
}
