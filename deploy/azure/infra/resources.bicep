// The resources of one environment. The server signs in everywhere with its managed identity; only the database has a
// password. Audio over WebRTC runs between browser and Azure OpenAI, since Container Apps accepts no UDP.
param location string
param tags object

@secure()
param callersToken string

@secure()
param operatorsToken string

@secure()
param databasePassword string

param serverExists bool

@description('The deployments that docs/azure.md names. An empty version is the default one of the region.')
param realtimeModel string = 'gpt-realtime-2.1-mini'
param realtimeModelVersion string = ''
param transcriptionModel string = 'gpt-realtime-whisper'
param transcriptionModelVersion string = ''
param textModel string = 'gpt-5-mini'
param textModelVersion string = ''

@description('The replicas of the server: each has room for maxCalls calls, and another is started before it is full.')
param minReplicas int = 2
param maxReplicas int = 10
param maxCalls int = 50

var suffix = uniqueString(subscription().id, resourceGroup().id, location)
var placeholder = 'mcr.microsoft.com/azuredocs/containerapps-helloworld:latest'
var serverName = 'server'
var databaseName = 'trunkline'
var callsContainer = 'calls'
var roles = {
  openAiUser: '5e0bd9bd-7b93-4f28-af87-19fc36ad61bd'
  blobContributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
  acrPull: '7f951dda-4ed3-4680-a7ca-43fe172d538d'
}

// Identity -----------------------------------------------------------------------------------------------------------
resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: 'id-${suffix}'
  location: location
  tags: tags
}

// Network: the database is reached from the app's subnet only ----------------------------------------------------------
resource network 'Microsoft.Network/virtualNetworks@2024-05-01' = {
  name: 'vnet-${suffix}'
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: ['10.42.0.0/16'] }
    subnets: [
      {
        name: 'apps'
        properties: {
          addressPrefix: '10.42.0.0/23'
          delegations: [
            {
              name: 'apps'
              properties: { serviceName: 'Microsoft.App/environments' }
            }
          ]
        }
      }
      {
        name: 'database'
        properties: {
          addressPrefix: '10.42.2.0/28'
          delegations: [
            {
              name: 'database'
              properties: { serviceName: 'Microsoft.DBforPostgreSQL/flexibleServers' }
            }
          ]
        }
      }
    ]
  }

  resource apps 'subnets' existing = { name: 'apps' }
  resource database 'subnets' existing = { name: 'database' }
}

resource databaseZone 'Microsoft.Network/privateDnsZones@2020-06-01' = {
  name: '${suffix}.private.postgres.database.azure.com'
  location: 'global'
  tags: tags

  resource link 'virtualNetworkLinks' = {
    name: 'vnet'
    location: 'global'
    properties: {
      registrationEnabled: false
      virtualNetwork: { id: network.id }
    }
  }
}

// Stored calls ---------------------------------------------------------------------------------------------------------
// Port 5432, never PgBouncer's 6432: the servers' locks belong to a session, and a pooling proxy would lose them.
resource postgres 'Microsoft.DBforPostgreSQL/flexibleServers@2024-08-01' = {
  name: 'psql-${suffix}'
  location: location
  tags: tags
  sku: {
    name: 'Standard_D2ds_v5'
    tier: 'GeneralPurpose'
  }
  properties: {
    version: '17'
    administratorLogin: 'trunkline'
    administratorLoginPassword: databasePassword
    storage: {
      storageSizeGB: 64
      autoGrow: 'Enabled'
    }
    backup: {
      backupRetentionDays: 14
      geoRedundantBackup: 'Disabled'
    }
    highAvailability: { mode: 'ZoneRedundant' }
    network: {
      delegatedSubnetResourceId: network::database.id
      privateDnsZoneArmResourceId: databaseZone.id
      publicNetworkAccess: 'Disabled'
    }
  }
  dependsOn: [databaseZone::link]

  resource calls 'databases' = {
    name: databaseName
  }
}

resource storage 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  name: 'st${suffix}'
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: 'Standard_ZRS' }
  properties: {
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
  }

  resource blobs 'blobServices' = {
    name: 'default'

    resource calls 'containers' = {
      name: callsContainer
    }
  }
}

// Azure OpenAI ---------------------------------------------------------------------------------------------------------
resource openAi 'Microsoft.CognitiveServices/accounts@2024-10-01' = {
  name: 'oai-${suffix}'
  location: location
  tags: tags
  kind: 'OpenAI'
  sku: { name: 'S0' }
  properties: {
    customSubDomainName: 'oai-${suffix}'
    disableLocalAuth: true
    publicNetworkAccess: 'Enabled'
  }
}

var models = [
  {
    name: realtimeModel
    version: realtimeModelVersion
  }
  {
    name: transcriptionModel
    version: transcriptionModelVersion
  }
  {
    name: textModel
    version: textModelVersion
  }
]

// One after the other: the service refuses two changes of an account at once.
@batchSize(1)
resource deployments 'Microsoft.CognitiveServices/accounts/deployments@2024-10-01' = [
  for model in models: {
    parent: openAi
    name: model.name
    sku: {
      name: 'GlobalStandard'
      capacity: 10
    }
    properties: {
      model: {
        format: 'OpenAI'
        name: model.name
        version: empty(model.version) ? null : model.version
      }
    }
  }
]

// Logs, traces and metrics ---------------------------------------------------------------------------------------------
resource logs 'Microsoft.OperationalInsights/workspaces@2023-09-01' = {
  name: 'log-${suffix}'
  location: location
  tags: tags
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: 30
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: 'appi-${suffix}'
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: logs.id
  }
}

// The server -----------------------------------------------------------------------------------------------------------
resource registry 'Microsoft.ContainerRegistry/registries@2023-07-01' = {
  name: 'cr${suffix}'
  location: location
  tags: tags
  sku: { name: 'Basic' }
  properties: { adminUserEnabled: false }
}

resource environment 'Microsoft.App/managedEnvironments@2025-01-01' = {
  name: 'cae-${suffix}'
  location: location
  tags: tags
  properties: {
    appLogsConfiguration: {
      destination: 'log-analytics'
      logAnalyticsConfiguration: {
        customerId: logs.properties.customerId
        sharedKey: logs.listKeys().primarySharedKey
      }
    }
    vnetConfiguration: { infrastructureSubnetId: network::apps.id }
    workloadProfiles: [
      {
        name: 'Consumption'
        workloadProfileType: 'Consumption'
      }
    ]
    zoneRedundant: true
  }
}

// azd puts its image into the app; until then, and only then, a placeholder runs.
resource formerServer 'Microsoft.App/containerApps@2025-01-01' existing = if (serverExists) {
  name: serverName
}

var databaseUrl = 'postgresql://trunkline:${databasePassword}@${postgres.properties.fullyQualifiedDomainName}:5432/${databaseName}?sslmode=require'

// The collector of OpenTelemetry, beside each server: it takes OTLP and speaks to Application Insights.
var collectorConfig = '''
receivers:
  otlp:
    protocols:
      http:
        endpoint: 127.0.0.1:4318
processors:
  batch: {}
exporters:
  azuremonitor:
    connection_string: ${env:APPLICATIONINSIGHTS_CONNECTION_STRING}
service:
  pipelines:
    traces: { receivers: [otlp], processors: [batch], exporters: [azuremonitor] }
    metrics: { receivers: [otlp], processors: [batch], exporters: [azuremonitor] }
'''

resource server 'Microsoft.App/containerApps@2025-01-01' = {
  name: serverName
  location: location
  tags: union(tags, { 'azd-service-name': 'server' })
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identity.id}': {} }
  }
  properties: {
    managedEnvironmentId: environment.id
    workloadProfileName: 'Consumption'
    configuration: {
      activeRevisionsMode: 'Single'
      ingress: {
        external: true
        targetPort: 3000
        transport: 'http'
        allowInsecure: false
        stickySessions: { affinity: 'sticky' }
      }
      registries: [
        {
          server: registry.properties.loginServer
          identity: identity.id
        }
      ]
      secrets: [
        {
          name: 'callers-token'
          value: callersToken
        }
        {
          name: 'operators-token'
          value: operatorsToken
        }
        {
          name: 'database-url'
          value: databaseUrl
        }
        {
          name: 'insights'
          value: insights.properties.ConnectionString
        }
      ]
    }
    template: {
      // The hand-over of the calls or draining (30 s), the goodbye (20 s), and a margin.
      terminationGracePeriodSeconds: 60
      containers: [
        {
          name: serverName
          image: serverExists ? formerServer!.properties.template.containers[0].image : placeholder
          resources: {
            cpu: json('2.0')
            memory: '4Gi'
          }
          env: [
            {
              name: 'TRUNKLINE_TOKEN'
              secretRef: 'callers-token'
            }
            {
              name: 'TRUNKLINE_OPERATOR_TOKEN'
              secretRef: 'operators-token'
            }
            {
              name: 'TRUNKLINE_ALLOWED_ORIGINS'
              value: '["https://${serverName}.${environment.properties.defaultDomain}"]'
            }
            {
              // The ingress: its addresses are in the subnet, or in the platform's own range.
              name: 'TRUNKLINE_TRUSTED_PROXIES'
              value: '["10.42.0.0/23","100.100.0.0/16"]'
            }
            {
              name: 'TRUNKLINE_PROVIDER'
              value: 'azure'
            }
            {
              name: 'AZURE_OPENAI_ENDPOINT'
              value: openAi.properties.endpoint
            }
            {
              name: 'AZURE_OPENAI_REALTIME_DEPLOYMENT'
              value: realtimeModel
            }
            {
              name: 'AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT'
              value: transcriptionModel
            }
            {
              name: 'AZURE_OPENAI_DEPLOYMENT'
              value: textModel
            }
            {
              // The identity, for Azure OpenAI and for the blobs.
              name: 'AZURE_CLIENT_ID'
              value: identity.properties.clientId
            }
            {
              name: 'AZURE_STORAGE_ACCOUNT_NAME'
              value: storage.name
            }
            {
              name: 'TRUNKLINE_AUDIO_URL'
              value: 'az://${callsContainer}/audio'
            }
            {
              name: 'TRUNKLINE_DATABASE_URL'
              secretRef: 'database-url'
            }
            {
              name: 'TRUNKLINE_STORE'
              value: 'metadata'
            }
            {
              name: 'TRUNKLINE_MAX_CALLS'
              value: string(maxCalls)
            }
            {
              name: 'OTEL_EXPORTER_OTLP_ENDPOINT'
              value: 'http://127.0.0.1:4318'
            }
            {
              name: 'OTEL_SERVICE_NAME'
              value: 'trunkline'
            }
          ]
          probes: [
            {
              type: 'Startup'
              httpGet: {
                path: '/api/health'
                port: 3000
              }
              periodSeconds: 2
              failureThreshold: 60
            }
            {
              type: 'Liveness'
              httpGet: {
                path: '/api/health'
                port: 3000
              }
              periodSeconds: 10
              timeoutSeconds: 5
              failureThreshold: 6
            }
            {
              type: 'Readiness'
              httpGet: {
                path: '/api/ready'
                port: 3000
              }
              periodSeconds: 2
              failureThreshold: 1
            }
          ]
        }
        {
          name: 'collector'
          image: 'docker.io/otel/opentelemetry-collector-contrib:0.140.0'
          args: ['--config=env:COLLECTOR_CONFIG']
          resources: {
            cpu: json('0.25')
            memory: '0.5Gi'
          }
          env: [
            {
              name: 'COLLECTOR_CONFIG'
              value: collectorConfig
            }
            {
              name: 'APPLICATIONINSIGHTS_CONNECTION_STRING'
              secretRef: 'insights'
            }
          ]
        }
      ]
      scale: {
        minReplicas: minReplicas
        maxReplicas: maxReplicas
        cooldownPeriod: 600
        rules: [
          {
            // By the running calls in the database: a replica for each 60 % of the calls that it has room for.
            name: 'running-calls'
            custom: {
              type: 'postgresql'
              metadata: {
                query: 'SELECT count(*) FROM calls WHERE status = \'running\''
                targetQueryValue: string(maxCalls * 6 / 10)
              }
              auth: [
                {
                  secretRef: 'database-url'
                  triggerParameter: 'connection'
                }
              ]
            }
          }
        ]
      }
    }
  }
  dependsOn: [
    deployments
    pullsImages
    postgres::calls
  ]
}

// Roles of the identity ------------------------------------------------------------------------------------------------
resource pullsImages 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(registry.id, identity.id, roles.acrPull)
  scope: registry
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.acrPull)
  }
}

resource usesModels 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(openAi.id, identity.id, roles.openAiUser)
  scope: openAi
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.openAiUser)
  }
}

resource writesAudio 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(storage.id, identity.id, roles.blobContributor)
  scope: storage
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobContributor)
  }
}

output registryEndpoint string = registry.properties.loginServer
output openAiEndpoint string = openAi.properties.endpoint
output serverUri string = 'https://${server.properties.configuration.ingress.fqdn}'
