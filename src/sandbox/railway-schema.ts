/** The part of Railway's public schema that the stand-in serves; names, arguments and shapes are Railway's. */
export const RAILWAY_SCHEMA = `
  scalar DateTime
  scalar EnvironmentVariables

  type Query {
    project(id: String!): Project!
    projects: QueryProjectsConnection!
    projectToken: ProjectToken!
    projectTokens(projectId: String!, first: Int, after: String, before: String, last: Int): QueryProjectTokensConnection!
    variables(projectId: String!, environmentId: String!, serviceId: String): EnvironmentVariables!
    volumeInstance(id: String!): VolumeInstance!
    volumeInstanceBackupList(volumeInstanceId: String!): [VolumeInstanceBackup!]!
    sandbox(id: String!, environmentId: String!): Sandbox!
    sandboxes(environmentId: String!, first: Int, after: String, before: String, last: Int): QuerySandboxesConnection!
  }

  type Mutation {
    variableUpsert(input: VariableUpsertInput!): Boolean!
    serviceInstanceRedeploy(environmentId: String!, serviceId: String!): Boolean!
    volumeCreate(input: VolumeCreateInput!): Volume!
    volumeDelete(volumeId: String!): Boolean!
    volumeInstanceBackupCreate(name: String, volumeInstanceId: String!): WorkflowId!
    volumeInstanceBackupDelete(volumeInstanceBackupId: String!, volumeInstanceId: String!): WorkflowId!
    projectTokenCreate(input: ProjectTokenCreateInput!): String!
    projectTokenDelete(id: String!): Boolean!
    sandboxCreate(input: SandboxCreateInput!): Sandbox!
    sandboxDestroy(id: String!, environmentId: String!): Sandbox!
  }

  type QueryProjectsConnection { edges: [QueryProjectsConnectionEdge!]! }
  type QueryProjectsConnectionEdge { node: Project! }
  type Project {
    id: ID!
    name: String!
    environments: ProjectEnvironmentsConnection!
    services: ProjectServicesConnection!
    volumes(first: Int, after: String, before: String, last: Int): ProjectVolumesConnection!
  }
  type ProjectEnvironmentsConnection { edges: [ProjectEnvironmentsConnectionEdge!]! }
  type ProjectEnvironmentsConnectionEdge { node: Environment! }
  type Environment { id: ID! name: String! projectId: String! }
  type ProjectServicesConnection { edges: [ProjectServicesConnectionEdge!]! }
  type ProjectServicesConnectionEdge { node: Service! }
  type Service { id: ID! name: String! }
  type ProjectVolumesConnection { edges: [ProjectVolumesConnectionEdge!]! pageInfo: PageInfo! }
  type ProjectVolumesConnectionEdge { node: Volume! }
  type Volume {
    id: ID!
    name: String!
    createdAt: DateTime!
    projectId: String!
    volumeInstances(first: Int, after: String, before: String, last: Int): VolumeVolumeInstancesConnection!
  }
  type VolumeVolumeInstancesConnection { edges: [VolumeVolumeInstancesConnectionEdge!]! pageInfo: PageInfo! }
  type VolumeVolumeInstancesConnectionEdge { node: VolumeInstance! }
  type VolumeInstance {
    id: ID!
    environmentId: String!
    environment: Environment!
    serviceId: String
    mountPath: String!
    volumeId: String!
    volume: Volume!
  }
  type VolumeInstanceBackup { id: String! name: String createdAt: DateTime! externalId: String! }
  type WorkflowId { workflowId: String }
  type ProjectToken { id: ID! name: String! projectId: String! environmentId: String! createdAt: DateTime! displayToken: String! }
  type QueryProjectTokensConnection { edges: [QueryProjectTokensConnectionEdge!]! pageInfo: PageInfo! }
  type QueryProjectTokensConnectionEdge { node: ProjectToken! }
  enum SandboxStatus { RUNNING DESTROYED }
  enum SandboxNetworkIsolation { ISOLATED PRIVATE }
  type Sandbox {
    id: ID!
    status: SandboxStatus!
    networkIsolation: SandboxNetworkIsolation!
    environmentId: String!
    region: String!
    idleTimeoutMinutes: Int
    createdAt: DateTime!
  }
  type QuerySandboxesConnection { edges: [QuerySandboxesConnectionEdge!]! pageInfo: PageInfo! }
  type QuerySandboxesConnectionEdge { node: Sandbox! }
  type PageInfo { hasNextPage: Boolean! endCursor: String }

  input VariableUpsertInput {
    projectId: String!
    environmentId: String!
    serviceId: String
    name: String!
    value: String!
    skipDeploys: Boolean
  }
  input VolumeCreateInput { projectId: String! environmentId: String serviceId: String mountPath: String! region: String }
  input ProjectTokenCreateInput { projectId: String! environmentId: String! name: String! }
  input SandboxCreateInput {
    environmentId: String!
    idleTimeoutMinutes: Int
    networkIsolation: SandboxNetworkIsolation
    region: String
    variables: EnvironmentVariables
  }
`
