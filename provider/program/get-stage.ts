import type * as pulumi from "@pulumi/pulumi";
import { callMock, lookup, lookupOutput, validateArgs, validateOptions } from "./lookup";

/** Arguments of {@link getStage}. */
export interface GetStageArgs {
  /** Name in authentik. Unique across all kinds of stages. */
  name: string;
  /**
   * Configuration namespace with the URL and token of the authentik to use.
   *
   * @default "authentik"
   */
  connection?: string;
}

/** A stage of any kind, as returned by {@link getStage}. */
export interface GetStageResult {
  /** UUID of the stage. */
  pk: string;
  /** Name in authentik. */
  name: string;
  /** The element of authentik's admin interface that edits stages of this kind. */
  component?: string;
  /** authentik's name for this kind of stage, for example `Prompt Stage`. */
  verboseName?: string;
  /** authentik's model name, for example `authentik_stages_prompt.promptstage`. */
  metaModelName?: string;
}

/**
 * Looks up a stage of any kind by its name. Also runs during previews. Equal lookups in one run share a request.
 *
 * API: `GET /api/v3/stages/all/`.
 *
 * @permissions `authentik_flows.view_stage`.
 *
 * @throws if there is no such stage that the token's user is allowed to view; the error lists the existing names
 * @throws if an argument is misspelled or empty
 *
 * @example
 * ```ts
 * import * as authentik from "pulumi-authentik-invitations";
 *
 * const prompt = authentik.getStageOutput({ name: "default-source-enrollment-prompt" });
 * new authentik.FlowStageBinding("prompt", { target: "enrollment", stage: prompt.pk, order: 10 });
 * ```
 */
export async function getStage(args: GetStageArgs, opts: pulumi.InvokeOptions = {}): Promise<GetStageResult> {
  await validateOptions("getStage", opts);
  await validateArgs("getStage", args, ["name", "connection"], ["name"]);
  const name = args.name.trim();
  const mocked = await callMock<GetStageResult>("getStage", { name, connection: args.connection }, opts);
  if (mocked) return mocked as GetStageResult;
  const { lookUpStage } = await import("../objects/lookups.js");
  return { ...(await lookup(args.connection, `getStage ${name}`, (connection) => lookUpStage(connection, { name }))) };
}

/** @internal */
export async function findStage(name: string, connection: string | undefined): Promise<GetStageResult | undefined> {
  const mocked = await callMock<GetStageResult>("getStage", { name, connection });
  if (mocked) return mocked as GetStageResult;
  const { listStages } = await import("../authentik/stages.js");
  const [stage] = await lookup(connection, `stage ${name}`, ({ client }) => listStages(client, { name }));
  return stage;
}

/**
 * The end of an error about a stage that does not exist.
 *
 * @internal
 */
export async function listExistingStages(connection: string | undefined): Promise<string> {
  const { describeExistingStages } = await import("../objects/lookups.js");
  return await lookup(connection, "stages", ({ client }) => describeExistingStages(client));
}

/**
 * Like {@link getStage}, but accepts outputs of other resources as arguments, and the option `dependsOn`. The lookup runs once these resources exist:
 * at a preview that creates one of them, the result is unknown.
 */
export function getStageOutput(
  args: {
    [Name in keyof GetStageArgs]: pulumi.Input<GetStageArgs[Name]>;
  },
  opts: pulumi.InvokeOutputOptions = {},
): pulumi.Output<GetStageResult> {
  return lookupOutput(args as pulumi.Input<GetStageArgs>, opts, getStage);
}
