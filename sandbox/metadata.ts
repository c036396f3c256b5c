import { deniedActionChoices, designationChoices } from "./flows";
import type { JsonObject } from "./json";
import type { VersionBehavior } from "./versions";

type FieldOptions = { [name: string]: string | number | boolean | JsonObject | JsonObject[] };

function field(type: string, label: string, options: FieldOptions = {}): JsonObject {
  return { type, required: false, read_only: false, label, ...options };
}

function choiceField(
  label: string,
  pairs: readonly (readonly [string, string])[],
  options: FieldOptions = {},
): JsonObject {
  const choices = pairs.map(([value, name]): JsonObject => ({ value, display_name: name }));
  return field("choice", label, { ...options, choices });
}

/** Pairs a value with its title, for example `sidebar_left` with `Sidebar Left`. */
function titledChoice(value: string): readonly [string, string] {
  return [value, value.replaceAll("_", " ").replaceAll(/\b\w/g, (letter) => letter.toUpperCase())];
}

/** The response to OPTIONS on invitations (method.options-list, method.options-one). */
export function invitationOptions(behavior: VersionBehavior, method: "POST" | "PUT"): JsonObject {
  const readOnly = { read_only: true };
  const required = { required: true };
  const hasSlugLimit = Number.isFinite(behavior.maxSlugLength);
  const slugType = hasSlugLimit ? "slug" : "string";
  const slugLimit: FieldOptions = hasSlugLimit ? { max_length: behavior.maxSlugLength } : {};
  const createdBy: JsonObject = {
    pk: field("integer", "ID", readOnly),
    username: field("string", "Username", {
      ...required,
      help_text: "Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.",
      max_length: 150,
    }),
    name: field("string", "Name", { ...required, help_text: "User's display name." }),
    is_active: field("boolean", "Active", {
      help_text:
        "Designates whether this user should be treated as active. Unselect this instead of deleting accounts.",
    }),
    last_login: field("datetime", "Last login"),
    email: field("email", "Email address", { max_length: 254 }),
    attributes: field("field", "Attributes"),
    uid: field("string", "Uid", readOnly),
  };
  const background: JsonObject = behavior.hasThemedBackgrounds
    ? {
        background: field("string", "Background", { help_text: "Background shown during execution" }),
        background_url: field("field", "Background url", readOnly),
        background_themed_urls: field("nested object", "Background themed urls", {
          ...readOnly,
          children: { light: field("string", "Light"), dark: field("string", "Dark") },
        }),
      }
    : { background: field("field", "Background", readOnly) };
  const flow: JsonObject = {
    pk: field("string", "Flow uuid", readOnly),
    policybindingmodel_ptr_id: field("field", "Policybindingmodel ptr id", readOnly),
    name: field("string", "Name", required),
    slug: field(slugType, "Slug", { ...required, help_text: "Visible in the URL.", ...slugLimit }),
    title: field("string", "Title", { ...required, help_text: "Shown as the Title in Flow pages." }),
    designation: choiceField(
      "Designation",
      designationChoices.map((choice) => (choice === "unenrollment" ? [choice, "Unrenollment"] : titledChoice(choice))),
      {
        ...required,
        help_text:
          "Decides what this Flow is used for. For example, the Authentication flow is redirect to when an un-authenticated user visits authentik.",
      },
    ),
    ...background,
    stages: field("field", "Stages", readOnly),
    policies: field("field", "Policies", readOnly),
    cache_count: field("field", "Cache count", readOnly),
    policy_engine_mode: choiceField("Policy engine mode", [
      ["all", "all, all policies must pass"],
      ["any", "any, any policy must pass"],
    ]),
    compatibility_mode: field("boolean", "Compatibility mode", {
      help_text: "Enable compatibility mode, increases compatibility with password managers on mobile devices.",
    }),
    export_url: field("field", "Export url", readOnly),
    layout: choiceField("Layout", behavior.layouts.map(titledChoice)),
    denied_action: choiceField("Denied action", deniedActionChoices.map(titledChoice), {
      help_text: "Configure what should happen when a flow denies access to a user.",
    }),
    authentication: choiceField("Authentication", behavior.authentications.map(titledChoice), {
      help_text: "Required level of authentication and authorization to access a flow.",
    }),
  };
  const fields: JsonObject = {
    pk: field("string", "Invite uuid", readOnly),
    name: field(slugType, "Name", { ...required, ...slugLimit }),
    expires: field("datetime", "Expires"),
    fixed_data: field("field", "Fixed data"),
    created_by: field("nested object", "Created by", { ...readOnly, children: createdBy }),
    single_use: field("boolean", "Single use", {
      help_text: "When enabled, the invitation will be deleted after usage.",
    }),
    flow: field("field", "Flow", { help_text: "When set, only the configured flow can use this invitation." }),
    flow_obj: field("nested object", "Flow obj", { ...readOnly, children: flow }),
  };
  return {
    name: method === "POST" ? "Invitation List" : "Invitation Instance",
    description: "Invitation Viewset",
    renders: ["application/json"],
    parses: ["application/json"],
    actions: { [method]: fields },
  };
}
