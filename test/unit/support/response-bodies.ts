/** Response bodies in the form that real servers returned: see the recordings of authentik 2024.8.6, 2026.2.2 and 2026.5.0-rc1. */

export const pk = "6184365b-70c4-4848-be37-5086db15eb52";
export const otherPk = "51890849-35c0-4e77-9a2c-cd004221c255";
export const flowPk = "5cb788da-2830-4f77-9a70-b69faeff4386";
export const otherFlowPk = "964e3380-073f-489e-bf08-852dd43646c0";
export const stagePk = "25c66382-5514-47d1-9752-2632233d3846";

export type Body = Record<string, unknown>;

/** Case `flows.list.slug`, abridged. */
export function flowBody(changes: Body = {}): Body {
  return {
    pk: flowPk,
    policybindingmodel_ptr_id: "c2e6cc15-a707-4623-b764-dc32fc9ec686",
    name: "Enrollment",
    slug: "enrollment",
    title: "Welcome",
    designation: "enrollment",
    background: "",
    background_url: "/static/dist/assets/images/flow_background.jpg",
    policy_engine_mode: "any",
    compatibility_mode: false,
    export_url: "/api/v3/flows/instances/enrollment/export/",
    layout: "stacked",
    denied_action: "message_continue",
    ...changes,
  };
}

/** Case `invitations.create.full`. */
export function invitationBody(changes: Body = {}): Body {
  return {
    pk,
    name: "jane",
    expires: "2031-05-06T07:08:09Z",
    fixed_data: {},
    created_by: {
      pk: 3,
      username: "akadmin",
      name: "authentik Default Admin",
      is_active: true,
      last_login: null,
      email: "root@example.com",
      attributes: {},
      uid: "801f3d1448eb597b72a176f79bd6b4f1c15f3fbc55b8ac588f5df00f59c3f029",
    },
    single_use: false,
    flow: null,
    flow_obj: null,
    ...changes,
  };
}

/** An invitation with the flow of {@link flowBody}. */
export function invitationBodyWithFlow(changes: Body = {}): Body {
  return invitationBody({ flow: flowPk, flow_obj: flowBody(), ...changes });
}

/** Case `stages.create.minimal`. */
export function stageBody(changes: Body = {}): Body {
  return {
    pk: stagePk,
    name: "invitation",
    component: "ak-stage-invitation-form",
    verbose_name: "Invitation Stage",
    verbose_name_plural: "Invitation Stages",
    meta_model_name: "authentik_stages_invitation.invitationstage",
    flow_set: [],
    continue_flow_without_invitation: false,
    ...changes,
  };
}

/** Case `invitations.list.all`. */
export function pageBody(results: readonly Body[], next = 0): Body {
  return {
    pagination: {
      next,
      previous: 0,
      count: results.length,
      current: 1,
      total_pages: 1,
      start_index: 1,
      end_index: results.length,
    },
    results,
    autocomplete: {},
  };
}

/** Case `me`. */
export const meBody: Body = { user: { pk: 3, username: "akadmin", name: "authentik Default Admin", is_active: true } };

/** Cases `auth.limited.create` and `auth.bad.create`. */
export const permissionDeniedBody: Body = { detail: "You do not have permission to perform this action." };
export const invalidTokenBody: Body = { detail: "Token invalid/expired" };

/** Case `invitations.retrieve.unknown`, on 2026.2. */
export const notFoundBody: Body = { detail: "No Invitation matches the given query." };

/** Case `path.unknown`, abridged. */
export const htmlPage =
  '\n\n<!DOCTYPE html>\n<html\n    lang="en"\n>\n<head>\n<title>\nauthentik\n</title>\n</head><body></body></html>';
