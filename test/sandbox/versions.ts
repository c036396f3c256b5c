export type AuthentikVersion = "2024.8" | "2026.2";

/** The differences between the two recorded servers, with the cases that show them. */
export interface VersionBehavior {
  /** `version` */
  versionCurrent: string;
  versionLatest: string;
  versionLatestValid: boolean;
  /** `config`, `consume.no-token`: the content type of JSON responses, except those of the flow executor. */
  jsonContentType: string;
  /** `invitations.retrieve.unknown`: "No Invitation matches the given query." instead of "Not found." */
  namesModelInNotFound: boolean;
  /** `stages.list.empty`: list pages end with `autocomplete`. */
  hasAutocomplete: boolean;
  /** `bulk.list.page_size-default`, `bulk.list.page_size-101` */
  defaultPageSize: number;
  maxPageSize: number;
  /** `invitations.list.page-empty`: `page=` is the first page, not an error. */
  treatsEmptyPageAsFirst: boolean;
  /** `invitations.create.name.51`, `method.options-list` */
  maxSlugLength: number;
  /** `invitations.create.name.spaces` */
  slugError: string;
  /** `invitations.create.name.list`: a value that is not a string fails with the slug error. */
  usesSlugErrorForNonStrings: boolean;
  /** `invitations.create.expires.hour-24` */
  acceptsHour24: boolean;
  /** `invitations.list.search.nul`: a validation error. Otherwise NULs are ignored. */
  rejectsNulInSearch: boolean;
  /** `body.bad-utf8`: a JSON parse error. Otherwise the server crashes. */
  reportsInvalidUtf8: boolean;
  /** `auth.header.scheme`: an authentication error. Otherwise the header is ignored. */
  rejectsOtherAuthSchemes: boolean;
  /** `stages.create.flow_set-*`: validated, although it cannot be written. Otherwise it is ignored. */
  validatesFlowSet: boolean;
  /** `flows.create`: `background_url` and `background_themed_urls` in addition to `background`. */
  hasThemedBackgrounds: boolean;
  /** `consume.expired`: an expired invitation is rejected, and the attempt deletes it. */
  rejectsExpiredInvitations: boolean;
  /** `events.used.search-hex`: `model_created` events have a `diff` with all values. */
  eventsIncludeDiff: boolean;
  /** `me`, `enroll.user` */
  usersHaveRoles: boolean;
  /** `settings` */
  settingsHaveLimits: boolean;
  /** `config` */
  configHasReputationTimeout: boolean;
  systemPermissions: string[];
  adminEmail: string;
  layouts: string[];
  authentications: string[];
}

const commonLayouts = ["stacked", "content_left", "content_right", "sidebar_left", "sidebar_right"];

export const versionBehaviors: Record<AuthentikVersion, VersionBehavior> = {
  "2024.8": {
    versionCurrent: "2024.8.6",
    versionLatest: "2024.8.6",
    versionLatestValid: true,
    jsonContentType: "application/json; charset=utf-8",
    namesModelInNotFound: false,
    hasAutocomplete: false,
    defaultPageSize: 100,
    maxPageSize: Number.POSITIVE_INFINITY,
    treatsEmptyPageAsFirst: false,
    maxSlugLength: 50,
    slugError: 'Enter a valid "slug" consisting of letters, numbers, underscores or hyphens.',
    usesSlugErrorForNonStrings: true,
    acceptsHour24: false,
    rejectsNulInSearch: false,
    reportsInvalidUtf8: false,
    rejectsOtherAuthSchemes: true,
    validatesFlowSet: true,
    hasThemedBackgrounds: false,
    rejectsExpiredInvitations: false,
    eventsIncludeDiff: true,
    usersHaveRoles: false,
    settingsHaveLimits: false,
    configHasReputationTimeout: true,
    systemPermissions: [
      "view_system_info",
      "access_admin_interface",
      "edit_system_settings",
      "change_role",
      "view_role",
      "delete_role",
      "view_system_settings",
      "add_role",
      "unassign_role_permissions",
      "assign_role_permissions",
    ],
    adminEmail: "root@example.com",
    layouts: commonLayouts,
    authentications: [
      "none",
      "require_authenticated",
      "require_unauthenticated",
      "require_superuser",
      "require_outpost",
    ],
  },
  "2026.2": {
    versionCurrent: "2026.2.2",
    versionLatest: "0.0.0",
    versionLatestValid: false,
    jsonContentType: "application/json",
    namesModelInNotFound: true,
    hasAutocomplete: true,
    defaultPageSize: 20,
    maxPageSize: 100,
    treatsEmptyPageAsFirst: true,
    maxSlugLength: Number.POSITIVE_INFINITY,
    slugError: "Enter a valid “slug” consisting of letters, numbers, underscores or hyphens.",
    usesSlugErrorForNonStrings: false,
    acceptsHour24: true,
    rejectsNulInSearch: true,
    reportsInvalidUtf8: true,
    rejectsOtherAuthSchemes: false,
    validatesFlowSet: false,
    hasThemedBackgrounds: true,
    rejectsExpiredInvitations: true,
    eventsIncludeDiff: false,
    usersHaveRoles: true,
    settingsHaveLimits: true,
    configHasReputationTimeout: false,
    systemPermissions: [
      "view_media_files",
      "view_initialpermissions",
      "assign_role_permissions",
      "delete_role",
      "change_initialpermissions",
      "add_role",
      "view_role",
      "unassign_role_permissions",
      "edit_system_settings",
      "manage_media_files",
      "view_system_info",
      "access_admin_interface",
      "change_role",
      "add_initialpermissions",
      "view_system_settings",
      "delete_initialpermissions",
    ],
    adminEmail: "akadmin@rig.invalid",
    layouts: [...commonLayouts, "sidebar_left_frame_background", "sidebar_right_frame_background"],
    authentications: [
      "none",
      "require_authenticated",
      "require_unauthenticated",
      "require_superuser",
      "require_redirect",
      "require_outpost",
    ],
  },
};
