import * as pulumi from "@pulumi/pulumi";
import { checkArgs, lookUp, refuse } from "./look-up";

/** How {@link getStage} finds the stage. */
export interface GetStageArgs {
  /** Name in authentik; unique over all kinds of stages. */
  name: string;
  /**
   * The configuration namespace that holds address and token of the authentik to ask.
   *
   * @default "authentik"
   */
  connection?: string;
}

/** A stage of any kind that {@link getStage} has found. */
export interface FoundStage {
  /** UUID. */
  pk: string;
  /** Name in authentik. */
  name: string;
  /** The element of authentik's admin interface that edits such stages. */
  component: string;
  /** What authentik calls such a stage: `Prompt Stage`, say. */
  verboseName: string;
  /** authentik's name of the model, `authentik_stages_prompt.promptstage`, say. */
  metaModelName: string;
}

/**
 * Finds a stage of any kind by its name. It asks at preview, too, and once a process.
 *
 * API: `GET /api/v3/stages/all/`.
 *
 * @permissions `authentik_flows.view_stage`.
 *
 * @throws if there is none that the token's user may see; the error lists the names that there are
 * @throws for arguments that are misspelt or empty
 *
 * @example
 * ```ts
 * import * as authentik from "pulumi-authentik-invitations";
 *
 * const prompt = authentik.getStageOutput({ name: "default-source-enrollment-prompt" });
 * new authentik.FlowStageBinding("prompt", { target: "enrollment", stage: prompt.pk, order: 10 });
 * ```
 */
export async function getStage(args: GetStageArgs): Promise<FoundStage> {
  await checkArgs("getStage", args, ["name", "connection"], ["name"]);
  const { listStages } = await import("../authentik/stages.js");
  const name = args.name.trim();
  const [stage] = await lookUp(args.connection, `stage ${name}`, ({ client }) => listStages(client, { name }));
  if (stage) return { ...stage };
  // That the names cannot be listed must not hide that this one does not exist.
  const all = await lookUp(args.connection, "stages", ({ client }) => listStages(client)).catch(() => []);
  const names = all.map((other) => other.name).sort();
  const others = names.length > 0 ? ` It has ${names.join(", ")}.` : "";
  return await refuse(
    `getStage: authentik has no stage with the name "${name}" that the token's user may see.${others}`,
  );
}

/** Like {@link getStage}, of arguments that other resources give. */
export function getStageOutput(
  args: {
    [Name in keyof GetStageArgs]: pulumi.Input<GetStageArgs[Name]>;
  },
): pulumi.Output<FoundStage> {
  return pulumi.output(args).apply((known) => getStage(known as GetStageArgs));
}
