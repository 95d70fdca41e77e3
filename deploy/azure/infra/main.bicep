// Everything that azd deploys: a resource group, and the resources of resources.bicep in it.
targetScope = 'subscription'

@minLength(1)
@maxLength(32)
@description('The name of the azd environment; it is part of all names.')
param environmentName string

@description('A region with realtime models as Global Standard, such as swedencentral.')
param location string

@secure()
@description('The token of callers, TRUNKLINE_TOKEN.')
param callersToken string

@secure()
@description('The token of operators, TRUNKLINE_OPERATOR_TOKEN.')
param operatorsToken string

@secure()
@description('The password of the database: letters and digits, because it is a part of a URL.')
param databasePassword string

@description('True if the server has been deployed before: its image then stays until azd deploys another.')
param serverExists bool = false

var tags = { 'azd-env-name': environmentName }

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module resources 'resources.bicep' = {
  name: 'resources'
  scope: group
  params: {
    location: location
    tags: tags
    callersToken: callersToken
    operatorsToken: operatorsToken
    databasePassword: databasePassword
    serverExists: serverExists
  }
}

output AZURE_CONTAINER_REGISTRY_ENDPOINT string = resources.outputs.registryEndpoint
output AZURE_OPENAI_ENDPOINT string = resources.outputs.openAiEndpoint
output SERVICE_SERVER_URI string = resources.outputs.serverUri
