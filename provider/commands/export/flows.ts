import type { StoredFlow } from "../../objects/flow";
import { flowProvider } from "../../objects/flow";
import { toStringLiteral } from "./literals";
import { type ProgramWriter, Variable } from "./program-writer";
import { omitDefaults, validationError } from "./validation";

const defaults = {
  authentication: "none",
  deniedAction: "message_continue",
  layout: "stacked",
  policyEngineMode: "any",
  compatibilityMode: false,
};

/** Declares a flow, or only refers to it if the resource does not support it. */
export async function writeFlow(flow: StoredFlow, identifier: string, writer: ProgramWriter): Promise<Variable> {
  const variable = new Variable(identifier);
  const inputs = omitDefaults(
    {
      name: flow.name === flow.slug ? undefined : flow.name,
      title: flow.title === flow.name ? undefined : flow.title,
      designation: flow.designation,
      authentication: flow.authentication,
      deniedAction: flow.deniedAction,
      layout: flow.layout,
      policyEngineMode: flow.policyEngineMode,
      compatibilityMode: flow.compatibilityMode,
    },
    defaults,
  );
  const complete = { ...inputs, name: flow.name, slug: flow.slug, title: flow.title };
  const why = await validationError(flowProvider, complete);
  const pk = toStringLiteral(flow.pk);
  if (why === undefined) {
    writer.resource({ type: "Flow", name: flow.slug, inputs, importSource: pk, variable });
  } else {
    writer.skip(`The flow ${toStringLiteral(flow.slug)} is referenced, but not managed`, why);
    writer.variable(variable, `{ id: ${pk} }`);
  }
  return variable;
}
