/**
 * The examples in YAML of the component and the functions, which have no declaration, by name. Not in their doc comments, which editors show for
 * programs in TypeScript. A test previews those of the functions as one program, so their names differ.
 */
export const yamlExamplesByName: Readonly<Record<string, string>> = {
  InviteOnlyEnrollment: `resources:
  staff:
    type: authentik-invitations:InviteOnlyEnrollment
    properties:
      slug: staff-enrollment
      title: Welcome to the staff
  jane:
    type: authentik-invitations:Invitation
    properties:
      flow: \${staff.flow}
      validFor: 14d
      singleUse: true
outputs:
  link: \${jane.link} # secret`,
  getFlow: `variables:
  enrollment:
    fn::invoke:
      function: authentik-invitations:getFlow
      arguments: { slug: enrollment }
resources:
  jane:
    type: authentik-invitations:Invitation
    properties: { flow: "\${enrollment.pk}", validFor: 14d }`,
  getFlowStageBindings: `variables:
  found:
    fn::invoke:
      function: authentik-invitations:getFlowStageBindings
      arguments: { flow: enrollment }
outputs:
  bindings: \${found.bindings}`,
  getInvitation: `variables:
  partners:
    fn::invoke:
      function: authentik-invitations:getInvitation
      arguments: { name: partners-2027 }
outputs:
  link: \${partners.link} # secret`,
  getInvitationStage: `variables:
  stage:
    fn::invoke:
      function: authentik-invitations:getInvitationStage
      arguments: { name: enrollment-invitation }
outputs:
  flows: \${stage.flowSet}`,
  getInvitations: `variables:
  issued:
    fn::invoke:
      function: authentik-invitations:getInvitations
      arguments: { flowSlug: enrollment }
outputs:
  invitations: \${issued.invitations} # secret`,
  getStage: `variables:
  prompt:
    fn::invoke:
      function: authentik-invitations:getStage
      arguments: { name: default-source-enrollment-prompt }
resources:
  prompt-binding:
    type: authentik-invitations:FlowStageBinding
    properties: { target: enrollment, stage: "\${prompt.pk}", order: 10 }`,
  invitationsFromCsv: `resources:
  intake-2027:
    type: authentik-invitations:InvitationBatch
    properties:
      flow: staff-enrollment
      validFor: 14d
      singleUse: true
      invitations:
        fn::invoke:
          function: authentik-invitations:invitationsFromCsv
          arguments: { file: people.csv, key: email, fixedData: [email, name] }
          return: invitations`,
};
