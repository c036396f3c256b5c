import type { Authentik } from "../../sandbox";
import { findStagePk, post } from "./export-command";

/** Creates the flow that `examples/import` imports: what an admin has configured in authentik before Pulumi manages it. */
export async function createStaffFlow(server: Authentik): Promise<void> {
  const flow = await post(server, "flows/instances/", {
    name: "Staff enrollment",
    slug: "staff-enrollment",
    title: "Welcome to the staff",
    designation: "enrollment",
    authentication: "require_unauthenticated",
  });
  const stages = [await post(server, "stages/invitation/stages/", { name: "Staff invitation" })];
  for (const name of [
    "default-source-enrollment-prompt",
    "default-password-change-prompt",
    "default-source-enrollment-write",
    "default-source-enrollment-login",
  ]) {
    stages.push(await findStagePk(server, name));
  }
  for (const [index, stage] of stages.entries()) {
    const evaluation = index === 0 ? {} : { evaluate_on_plan: true, re_evaluate_policies: false };
    await post(server, "flows/bindings/", { target: flow, stage, order: index * 10, ...evaluation });
  }
  const postInvitation = async (fields: Record<string, unknown>): Promise<string> =>
    await post(server, "stages/invitation/invitations/", { flow, expires: "2030-12-31T23:59:59Z", ...fields });
  await postInvitation({ name: "jane", single_use: true, fixed_data: { email: "jane@example.com", name: "Jane" } });
  await postInvitation({
    name: "contractors",
    fixed_data: { attributes: { kind: "contractor", sites: ["Bern", "Wien"] } },
  });
  // Invitation names are not unique.
  await postInvitation({ name: "contractors", expires: "2031-12-31T23:59:59Z" });
  await postInvitation({ name: "summer-2020", expires: "2020-08-31T23:59:59Z" });
}
