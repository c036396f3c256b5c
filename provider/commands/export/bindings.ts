import type { StoredFlowStageBinding } from "../../objects/flow-stage-binding";
import { flowStageBinding, flowStageBindingProvider } from "../../objects/flow-stage-binding";
import { toStringLiteral } from "./literals";
import { toUniqueNames } from "./names";
import type { ProgramWriter, Variable } from "./program-writer";
import type { FlowSnapshot } from "./snapshot";
import type { StageWriter } from "./stages";
import { omitDefaults, validationError } from "./validation";

/** The logical names of all flows' bindings, by pk. */
export function nameBindings(flows: readonly FlowSnapshot[], stages: StageWriter): Map<string, string> {
  const bindings = flows.flatMap(({ flow, bindings }) => bindings.map(({ pk, stage }) => ({ pk, flow, stage })));
  const names = toUniqueNames(
    bindings.map(({ flow, stage }) => `${flow.slug}-${stages.nameOf(stage)}`),
    "-",
  );
  return new Map(bindings.map(({ pk }, index) => [pk, names[index] ?? ""]));
}

/** Declares a flow's bindings. */
export async function writeBindings(
  bindings: readonly StoredFlowStageBinding[],
  names: ReadonlyMap<string, string>,
  flow: Variable,
  stages: StageWriter,
  writer: ProgramWriter,
): Promise<void> {
  for (const { pk, target, stage, ...others } of bindings) {
    const inputs = omitDefaults(others, flowStageBinding.properties);
    const why = await validationError(flowStageBindingProvider, { ...inputs, target, stage });
    if (why !== undefined) {
      writer.skip(`The binding ${toStringLiteral(pk)}`, why);
      continue;
    }
    writer.resource({
      type: "FlowStageBinding",
      name: names.get(pk) ?? "",
      inputs: { target: flow.reference("id"), stage: stages.referenceTo(stage), ...inputs },
      importSource: toStringLiteral(pk),
    });
  }
}
