"""Defaults of n8n node types: resource, operation, credential types and telling parameters.

A parameter with its default value is not exported, and the default often is a write. These are facts in our own words
and order; tests compare them with a reference if one is available. Unlisted types are read by their parameters and
shown as not recognised.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from inventory.importers.display import vocabulary
from inventory.importers.manifest import Access

# connector[@from version] | credential types, the default one first (`none`: none) | default resource | default
# operation of each resource (`=` alone: of a node without resources) | parameters of the target, alternatives in order,
# parts joined by the character between them.
_NODES = """
actionNetwork | actionNetworkApi | attendance | attendance=create event=create person=create personTag=add petition=create signature=create tag=create |
activeCampaign | activeCampaignApi | contact | account=create accountContact=create connection=create contact=create contactList=add contactTag=add deal=create ecommerceCustomer=create ecommerceOrder=create ecommerceOrderProducts=getAll list=getAll tag=create |
adalo | adaloApi | collection | collection=getAll | collectionId
affinity | affinityApi | organization | list=get listEntry=create organization=create person=create |
agileCrm | agileCrmApi | contact | company=get contact=get deal=get |
airtable | airtableApi airtableTokenApi airtableOAuth2Api | | =read | application/table
airtable@2 | airtableTokenApi airtableOAuth2Api | record | base=getMany record=get | base/table
airtop | airtopApi | session | agent=run extraction=getPaginated file=getMany interaction=click session=create window=create |
amqp | amqp | | =sendMessage | sink
apiTemplateIo | apiTemplateIoApi | image | account=get image=create pdf=create | imageTemplateId pdfTemplateId
asana | asanaApi asanaOAuth2Api | task | project=get subtask=create task=create taskComment=add taskProject=add taskTag=add user=get | workspace projectId
autopilot | autopilotApi | contact | contact=upsert contactJourney=add contactList=add list=create | listId
awsCertificateManager | aws awsAssumeRole | certificate | certificate=renew | certificateArn
awsCognito | aws awsAssumeRole | user | group=getAll user=getAll userPool=get |
awsComprehend | aws awsAssumeRole | text | text=detectDominantLanguage |
awsDynamoDb | aws awsAssumeRole | item | item=upsert | tableName
awsElb | aws awsAssumeRole | loadBalancer | listenerCertificate=add loadBalancer=create | loadBalancerId listenerId
awsIam | aws awsAssumeRole | user | group=getAll user=getAll |
awsLambda | aws awsAssumeRole | | =invoke | function
awsRekognition | aws awsAssumeRole | image | image=analyze |
awsS3 | aws | file | bucket=create file=download folder=create | bucketName/fileKey bucketName
awsS3@2 | aws awsAssumeRole | file | bucket=create file=download folder=create | bucketName/fileKey bucketName
awsSes | aws awsAssumeRole | email | email=send template=create customVerificationEmail=create | toAddresses
awsSns | aws awsAssumeRole | | =publish | topic
awsSqs | aws awsAssumeRole | | =sendMessage | queue
awsTextract | aws awsAssumeRole | | =analyzeExpense |
awsTranscribe | aws awsAssumeRole | transcriptionJob | transcriptionJob=create | transcriptionJobName
azureCosmosDb | microsoftAzureCosmosDbSharedKeyApi | container | container=getAll item=getAll | container
azureStorage | azureStorageOAuth2Api azureStorageSharedKeyApi | container | blob=getAll container=getAll | container
bambooHr | bambooHrApi | employee | companyReport=get employee=create employeeDocument=delete file=delete |
bannerbear | bannerbearApi | image | image=create template=get | templateId
baserow | baserowApi baserowTokenApi | row | row=getAll | tableId
beeminder | beeminderApi beeminderOAuth2Api | datapoint | charge=create datapoint=create goal=get user=get | goalName
bitbucket | bitbucketApi | | |
bitly | bitlyApi bitlyOAuth2Api | link | link=create |
bitwarden | bitwardenApi | collection | collection=get event=getAll group=get member=get |
box | boxOAuth2Api | file | file=upload folder=create | parentId fileId folderId
Brandfetch | brandfetchApi | | =logo | domain
Brandfetch@2 | brandfetchApi | | =data | domain
bubble | bubbleApi | object | object=get | typeName
chargebee | chargebeeApi | invoice | customer=create invoice=list subscription=delete |
circleCi | circleCiApi | pipeline | pipeline=get | projectSlug
ciscoWebex | ciscoWebexOAuth2Api | message | meeting=create message=create | roomId
citrixAdc | citrixAdcApi | file | certificate=create file=upload | fileLocation
clearbit | clearbitApi | company | company=enrich person=enrich |
clickUp | clickUpApi clickUpOAuth2Api | task | checklist=create checklistItem=create comment=create folder=create goal=create goalKeyResult=create list=customFields spaceTag=create task=create taskDependency=create taskList=add taskTag=add timeEntry=create timeEntryTag=add | list folder space team
clockify | clockifyApi | project | client=create project=create tag=create task=create timeEntry=create user=getAll workspace=getAll | workspaceId
cloudflare | cloudflareApi | zoneCertificate | zoneCertificate=upload | zoneId
cockpit | cockpitApi | collection | collection=getAll form=submit singleton=get | collection form singleton
coda | codaApi | table | control=get formula=get table=createRow view=get | docId/tableId
coinGecko | | coin | coin=getAll event=getAll |
confluence | confluenceCloudOAuth2Api atlassianServiceAccountApi | page | attachment=getMany page=create search=query space=getMany | spaceId pageId
contentful | contentfulApi | entry | asset=getAll contentType=get entry=get locale=getAll space=get |
convertKit | convertKitApi | form | customField=update form=addSubscriber sequence=addSubscriber tag=create tagSubscriber=create |
copper | copperApi | company | company=create customerSource=getAll lead=create opportunity=create person=create project=create task=create user=getAll |
cortex | cortexApi | analyzer | analyzer=execute job=get responder=execute | analyzer responder
crateDb | crateDb | | =insert | schema.table table
currents | currentsApi | run | action=getAll instance=get project=getAll run=getAll signature=generate specFile=getAll test=getAll testResult=getAll | projectId
customerIo | customerIoApi | customer | campaign=get customer=upsert event=track segment=add |
databricks | databricksApi databricksOAuth2Api | databricksSql | databricksSql=executeQuery files=listDirectory genie=startConversation modelServing=queryEndpoint unityCatalog=listTables vectorSearch=listIndexes |
dataTable | | row | row=insert table=list | dataTableId
deepL | deepLApi | language | language=translate |
demio | demioApi | event | event=get report=get | eventId
dhl | dhlApi | shipment | shipment=get |
discord | discordWebhookApi | | =sendMessage |
discord@2 | discordBotApi discordOAuth2Api discordWebhookApi | channel | channel=create member=getAll message=send | channelId guildId
discourse | discourseApi | post | category=create group=create post=create user=create userGroup=add |
disqus | disqusApi | forum | forum=get | id
drift | driftApi driftOAuth2Api | contact | contact=create |
dropbox | dropboxApi dropboxOAuth2Api | file | file=upload folder=create search=query | path
dropcontact | dropcontactApi | contact | contact=enrich |
egoi | egoiApi | contact | contact=create | list
elasticsearch | elasticsearchApi | document | document=get index=create | indexId
elasticSecurity | elasticSecurityApi | case | case=create caseComment=add caseTag=add connector=create | caseId
emailSend | smtp | | =send | toEmail
emailSend@2 | smtp | email | email=send | toEmail
emelia | emeliaApi | campaign | campaign=get contactList=getAll | campaignId
erpNext | erpNextApi | document | document=create | docType
executeCommand | | | =execute |
facebookGraphApi | facebookGraphApi facebookGraphApiOAuth2Api | | =get | node/edge node
filemaker | fileMaker | | =record | layout
flow | flowApi | task | task=create | workspaceId
freshdesk | freshdeskApi | ticket | contact=create ticket=create |
freshservice | freshserviceApi | agent | agent=create agentGroup=create agentRole=get announcement=create assetType=create change=create department=create location=create problem=create product=create release=create requester=create requesterGroup=create software=create ticket=create |
freshworksCrm | freshworksCrmApi | account | account=create appointment=create contact=create deal=create note=create salesActivity=get search=query task=create |
ftp | ftp sftp | | =download | path newPath
getResponse | getResponseApi getResponseOAuth2Api | contact | contact=get | campaignId
ghost | ghostContentApi ghostAdminApi | post | |
git | none gitPassword | | =log | sourceRepository targetRepository repositoryPath
github | githubApi githubOAuth2Api githubAppApi | issue | file=create issue=create organization=getRepositories pullRequest=create release=create repository=getIssues review=create user=getRepositories workflow=dispatch | owner/repository
gitlab | gitlabApi gitlabOAuth2Api | issue | file=create issue=create release=create repository=getIssues user=getRepositories | owner/repository
gmail | gmailOAuth2 googleApi | draft | draft=create label=create message=send messageLabel=add | toList
gmail@2 | gmailOAuth2 googleApi | message | draft=create label=getAll message=send thread=getAll | sendTo options.sendTo
gong | gongApi gongOAuth2Api | call | call=getAll user=get |
googleAds | googleAdsOAuth2Api | campaign | campaign=getAll |
googleAnalytics | googleAnalyticsOAuth2 | report | report=get userActivity=search | viewId
googleAnalytics@2 | googleAnalyticsOAuth2 | report | report=get userActivity=search | propertyId viewId
googleBigQuery | googleBigQueryOAuth2Api googleApi | record | record=create | projectId/datasetId/tableId
googleBigQuery@2 | googleBigQueryOAuth2Api googleApi | database | database=executeQuery | projectId/datasetId/tableId projectId
googleBooks | googleBooksOAuth2Api googleApi | bookshelf | bookshelf=get bookshelfVolume=getAll volume=get |
googleBusinessProfile | googleBusinessProfileOAuth2Api | post | post=create review=get | account/location
googleCalendar | googleCalendarOAuth2Api | event | calendar=availability event=create | calendar
googleChat | googleChatOAuth2Api googleApi | message | message=create space=get member=get | spaceId
googleCloudNaturalLanguage | googleCloudNaturalLanguageOAuth2Api | document | document=analyzeSentiment |
googleCloudStorage | googleCloudStorageOAuth2Api googleApi | bucket | bucket=getAll object=getAll | bucketName
googleContacts | googleContactsOAuth2Api | contact | contact=create |
googleDocs | googleDocsOAuth2Api googleApi | document | document=create | documentURL folderId
googleDrive | googleDriveOAuth2Api googleApi | file | drive=create file=upload folder=create | folderId fileId parents fileFolderId
googleDrive@3 | googleDriveOAuth2Api googleApi | file | drive=create file=upload fileFolder=search folder=create | fileId folderId folderNoRootId fileOrFolderId filter.folderId driveId filter.driveId
googleFirebaseCloudFirestore | googleFirebaseCloudFirestoreOAuth2Api googleApi | document | collection=getAll document=get | projectId/collection
googleFirebaseRealtimeDatabase | googleFirebaseRealtimeDatabaseOAuth2Api | | =create | projectId/path
googlePerspective | googlePerspectiveOAuth2Api | | =analyzeComment |
googleSheets | googleSheetsOAuth2Api googleApi | sheet | sheet=read spreadsheet=create | sheetId/range sheetId
googleSheets@3 | googleSheetsOAuth2Api googleApi | sheet | sheet=read spreadsheet=create | documentId/sheetName documentId
googleSlides | googleSlidesOAuth2Api googleApi | presentation | page=get presentation=create | presentationId
googleTasks | googleTasksOAuth2Api | task | task=create | task
googleTranslate | googleTranslateOAuth2Api googleApi | language | language=translate |
gotify | gotifyApi | message | message=create |
goToWebinar | goToWebinarOAuth2Api | attendee | attendee=get coorganizer=get panelist=get registrant=get session=get webinar=get | webinarKey
grafana | grafanaApi | dashboard | dashboard=create team=create teamMember=add user=getAll |
graphql | | request | request=query | endpoint
grist | gristApi gristOAuth2Api | | =getAll | docId/tableId
gSuiteAdmin | gSuiteAdminOAuth2Api | user | device=get group=create user=create |
hackerNews | | article | all=getAll article=get user=get |
haloPSA | haloPSAApi | client | client=create site=create ticket=delete user=create |
harvest | harvestApi harvestOAuth2Api | task | client=getAll company=get contact=getAll estimate=getAll expense=getAll invoice=getAll project=getAll task=getAll timeEntry=getAll user=me |
helpScout | helpScoutOAuth2Api | conversation | conversation=create customer=create mailbox=get thread=create |
highLevel | highLevelApi | contact | contact=create opportunity=create task=create |
highLevel@2 | highLevelOAuth2Api | contact | calendar=bookAppointment contact=create opportunity=create task=create |
homeAssistant | homeAssistantApi | config | cameraProxy=getScreenshot config=get event=getAll log=getErroLogs service=getAll state=get template=create |
hubspot | hubspotApi hubspotAppToken hubspotOAuth2Api | deal | company=create contact=upsert contactList=add deal=create engagement=create form=getFields ticket=create |
hubspot@2 | hubspotApi hubspotAppToken hubspotOAuth2Api | contact | company=create contact=upsert contactList=add deal=create engagement=create ticket=create |
humanticAi | humanticAiApi | profile | profile=create | userId
hunter | hunterApi | | =domainSearch | domain
intercom | intercomApi | user | company=create lead=create user=create |
invoiceNinja | invoiceNinjaApi | client | bank_transaction=create client=create expense=create invoice=create payment=create quote=create task=create |
iterable | iterableApi | user | event=track user=upsert userList=add | listId
jenkins | jenkinsApi | job | build=getAll instance=safeRestart job=trigger | job
jinaAi | jinaAiApi | reader | reader=read research=deepResearch |
jira | jiraSoftwareCloudApi jiraSoftwareServerApi jiraSoftwareServerPatApi jiraSoftwareCloudOAuth2Api atlassianServiceAccountApi | issue | issue=create issueAttachment=add issueComment=add user=create | project issueKey
kafka | kafka schemaRegistryApi | | =sendMessage | topic
keap | keapOAuth2Api | company | company=create contact=upsert contactNote=create contactTag=create ecommerceOrder=create ecommerceProduct=create email=createRecord file=delete |
koBoToolbox | koBoToolboxApi | submission | file=get form=get hook=getAll submission=getAll | formId
ldap | ldap | | =search | baseDN dn
lemlist | lemlistApi | activity | activity=getAll campaign=getAll lead=create team=get unsubscribe=add |
lemlist@2 | lemlistApi | activity | activity=getAll campaign=getAll enrich=get lead=create team=get unsubscribe=add |
line | lineNotifyOAuth2Api | notification | notification=send |
linear | linearApi linearOAuth2Api | issue | comment=addComment issue=create | teamId issueId
lingvaNex | lingvaNexApi | | =translate |
linkedIn | linkedInOAuth2Api linkedInCommunityManagementOAuth2Api | post | post=create | person organization
loneScale | loneScaleApi | list | company=search contact=enrich item=add list=create | list
magento2 | magento2Api | customer | customer=create invoice=create order=cancel product=create |
mailcheck | mailcheckApi | email | email=check |
mailchimp | mailchimpApi mailchimpOAuth2Api | member | campaign=getAll listGroup=getAll member=create memberTag=create | list campaignId
mailerLite | mailerLiteApi | subscriber | subscriber=create |
mailgun | mailgunApi | | =send | toEmail
mailjet | mailjetEmailApi mailjetSmsApi | email | email=send sms=send | toEmail
mandrill | mandrillApi | message | message=sendTemplate | toEmail
marketstack | marketstackApi | endOfDayData | endOfDayData=getAll exchange=get ticker=get |
matrix | matrixApi | message | account=me event=get media=upload message=create room=create roomMember=getAll | roomId
mattermost | mattermostApi | message | channel=create message=post reaction=create | channelId
mautic | mauticApi mauticOAuth2Api | contact | campaignContact=add companyContact=add contact=create contactSegment=add company=create segmentEmail=send |
medium | mediumApi mediumOAuth2Api | post | post=create publication=publication |
messageBird | messageBirdApi | sms | balance=get sms=send | recipients
metabase | metabaseApi | questions | alerts=getAll databases=getAll metrics=getAll questions=getAll |
microsoftDataverse | microsoftDataverseOAuth2Api | row | row=getAll |
microsoftDynamicsCrm | microsoftDynamicsOAuth2Api | account | account=create |
microsoftEntra | microsoftEntraOAuth2Api | user | group=getAll user=getAll |
microsoftExcel | microsoftExcelOAuth2Api | workbook | table=addRow workbook=create worksheet=create | workbook/worksheet workbook
microsoftExcel@2 | microsoftExcelOAuth2Api microsoftOAuth2Api microsoftEntraServicePrincipalApi | workbook | table=append workbook=getAll worksheet=getAll | workbook/worksheet workbook
microsoftExcelSharePoint | microsoftOAuth2Api microsoftEntraServicePrincipalApi | worksheet | table=getAll workbook=addWorksheet worksheet=readRows | site/workbook/worksheet site/workbook
microsoftGraphSecurity | microsoftGraphSecurityOAuth2Api microsoftOAuth2Api | secureScore | secureScore=get secureScoreControlProfile=get |
microsoftOneDrive | microsoftOneDriveOAuth2Api microsoftOAuth2Api microsoftEntraServicePrincipalApi | file | file=upload folder=getChildren | fileId folderId parentId
microsoftOutlook | microsoftOutlookOAuth2Api | message | draft=create folder=create folderMessage=getAll message=send messageAttachment=add | toRecipients folderId
microsoftOutlook@2 | microsoftOutlookOAuth2Api microsoftOAuth2Api microsoftEntraServicePrincipalApi | message | calendar=getAll contact=getAll draft=create event=getAll folder=create folderMessage=getAll message=send messageAttachment=add | toRecipients folderId calendarId
microsoftSharePoint | microsoftSharePointOAuth2Api | file | file=download item=getAll list=getAll | site/list site
microsoftSharePoint@2 | microsoftOAuth2Api microsoftEntraServicePrincipalApi | list | file=upload item=getAll list=get | site/list site
microsoftSql | microsoftSql | | =insert | schema.table table
microsoftTeams | microsoftTeamsOAuth2Api | channel | channel=create channelMessage=create chatMessage=create task=create | teamId/channelId chatId
microsoftTeams@2 | microsoftTeamsOAuth2Api microsoftOAuth2Api microsoftEntraServicePrincipalApi | channel | channel=create channelMessage=create chat=create chatMember=getAll chatMessage=create onlineMeeting=create task=create | teamId/channelId chatId
microsoftToDo | microsoftToDoOAuth2Api microsoftOAuth2Api microsoftEntraServicePrincipalApi | task | linkedResource=get list=get task=get | taskListId
mindee | mindeeReceiptApi mindeeInvoiceApi | receipt | invoice=predict receipt=predict |
misp | mispApi | attribute | attribute=create event=create eventTag=add feed=create galaxy=get noticelist=get object=search organisation=create tag=create user=create warninglist=get | eventId
mistralAi | mistralCloudApi | document | document=extractText |
mocean | moceanApi | sms | sms=send voice=send | to
mondayCom | mondayComApi mondayComOAuth2Api | board | board=create boardColumn=create boardGroup=create boardItem=create | boardId
mongoDb | mongoDb | document | document=find searchIndexes=createSearchIndex | collection
monicaCrm | monicaCrmApi | contact | activity=create call=create contact=create contactField=create contactTag=add conversation=create conversationMessage=add journalEntry=create note=create reminder=create tag=create task=create |
mqtt | mqtt | | =publish | topic
msg91 | msg91Api | sms | sms=send | to
mySql | mySql | | =insert | table
mySql@2 | mySql | database | database=insert | table
n8n | n8nApi | workflow | audit=generate credential=create execution=getAll workflow=getAll |
n8nTrainingCustomerDatastore | | | =getOnePerson |
nasa | nasaApi | astronomyPictureOfTheDay | asteroidNeoBrowse=getAll asteroidNeoFeed=get asteroidNeoLookup=get astronomyPictureOfTheDay=get donkiCoronalMassEjection=get donkiHighSpeedStream=get donkiInterplanetaryShock=get donkiMagnetopauseCrossing=get donkiNotifications=get donkiRadiationBeltEnhancement=get donkiSolarEnergeticParticle=get donkiSolarFlare=get donkiWsaEnlilSimulation=get earthAssets=get earthImagery=get |
netlify | netlifyApi | deploy | deploy=getAll site=delete | siteId
nextCloud | nextCloudApi nextCloudOAuth2Api | file | file=upload folder=create user=create | path
nocoDb | nocoDb nocoDbApiToken | row | row=get | projectId/table table
nocoDb@4 | nocoDb nocoDbApiToken | row | base=get linkrow=list row=get | baseId/tableId tableId
notion | notionApi notionOAuth2Api | page | block=append database=get databasePage=create page=create user=get | databaseId blockId pageId
notion@3 | notionApi notionOAuth2Api | page | block=append dataSource=get database=get databasePage=create page=create user=get | databaseId blockId pageId
npm | npmApi | package | distTag=getMany package=getMetadata | packageName
odoo | odooApi | contact | contact=create custom=create note=create opportunity=create | customResource
odoo@2 | odooApiKeyApi odooApi | contact | activity=getAll contact=getAll custom=getAll opportunity=getAll | customResource
okta | oktaApi | user | user=getAll |
oneSimpleApi | oneSimpleApi | website | information=exchangeRate socialProfile=instagramProfile utility=validateEmail website=pdf | link
onfleet | onfleetApi | task | admin=getAll container=get destination=get hub=getAll organization=get recipient=get task=get team=getAll worker=get |
openAi | openAiApi | text | chat=complete image=create text=complete | model chatModel
openThesaurus | | | =getSynonyms |
openWeatherMap | openWeatherMapApi | | =currentWeather |
oracleDatabase | oracleDBApi | database | database=insert | schema.table
orbit | orbitApi | member | activity=create member=get note=create post=create | workspaceId
oura | ouraApi | summary | profile=get summary=getSleep |
outscraper | outscraperApi | | |
paddle | paddleApi | coupon | coupon=create payment=getAll plan=get product=getAll user=getAll |
pagerDuty | pagerDutyApi pagerDutyOAuth2Api | incident | incident=create incidentNote=create logEntry=get user=get |
payPal | payPalApi | payout | payout=create payoutItem=get |
peekalink | peekalinkApi | | =preview | url
perplexity | perplexityApi | chat | agent=createResponse chat=complete embedding=createEmbedding search=search | model
perplexity@3 | perplexityApi | agent | agent=createResponse embedding=createEmbedding search=search | model
phantombuster | phantombusterApi | agent | agent=launch | agentId
philipsHue | philipsHueOAuth2Api | light | light=update | lightId
pipedrive | pipedriveApi pipedriveOAuth2Api | deal | activity=create deal=create dealActivity=getAll dealProduct=add file=create lead=create note=create organization=create person=create product=getAll |
pipedrive@2 | pipedriveApi pipedriveOAuth2Api | deal | activity=create deal=create dealProduct=add file=create lead=create note=create organization=create person=create product=create |
plivo | plivoApi | sms | call=make mms=send sms=send | to
postBin | | bin | bin=create request=get | binId
postgres | postgres | | =insert | schema.table table
postgres@2 | postgres | database | database=insert | schema.table table
postHog | postHogApi | event | alias=create event=create identity=create track=page |
profitWell | profitWellApi | metric | company=getSetting metric=get |
pushbullet | pushbulletOAuth2Api | push | push=create |
pushcut | pushcutApi | notification | notification=send | notificationName
pushover | pushoverApi | message | message=push | userKey
questDb | questDb | | =insert | schema.table table
quickbase | quickbaseApi | record | field=getAll file=download record=create report=get | tableId
quickbooks | quickBooksOAuth2Api | customer | bill=get customer=get employee=get estimate=get invoice=get item=get payment=get purchase=get transaction=getReport vendor=get |
rabbitmq | rabbitmq | | =sendMessage | queue exchange
raindrop | raindropOAuth2Api | collection | bookmark=get collection=get tag=get user=get | collectionId
readBinaryFile | | | =read | filePath
readBinaryFiles | | | =read | fileSelector
readWriteFile | | | =read | fileName fileSelector
reddit | redditOAuth2Api | post | post=create postComment=create profile=get subreddit=get user=get | subreddit
redis | redis | | =info | key list channel
rocketchat | rocketchatApi | chat | chat=postMessage dm=messages subscriptions=get | channel
rssFeedRead | | | =read |
rundeck | rundeckApi | job | job=execute | jobid
s3 | s3 | file | bucket=create file=download folder=create | bucketName/fileKey bucketName
salesforce | salesforceOAuth2Api salesforceJwtApi | lead | account=create attachment=create case=create contact=create customObject=create document=upload flow=invoke lead=create opportunity=create search=query task=create user=get | customObject
salesmate | salesmateApi | activity | activity=create company=create deal=create |
seaTable | seaTableApi | row | row=create | tableName
seaTable@2 | seaTableApi | row | asset=upload base=snapshot link=add row=create | tableName
securityScorecard | securityScorecardApi | company | company=getFactor industry=getFactor invite=create portfolio=create portfolioCompany=add report=getAll | portfolioId scorecardIdentifier
segment | segmentApi | identify | group=add identify=create track=event |
sendGrid | sendGridApi | list | contact=upsert list=create mail=send | toEmail
sendInBlue | sendInBlueApi | email | attribute=create contact=create email=send sender=create | receipients
sendy | sendyApi | subscriber | campaign=create subscriber=add | listId listIds
sentryIo | sentryIoOAuth2Api sentryIoApi sentryIoServerApi | event | event=get issue=get organization=get project=get release=get team=get | organizationSlug/projectSlug
serviceNow | serviceNowOAuth2Api serviceNowBasicApi | user | attachment=upload businessService=getAll configurationItems=getAll department=getAll dictionary=getAll incident=get tableRecord=get user=get userGroup=getAll userRole=getAll | tableName
shopify | shopifyAccessTokenApi shopifyApi shopifyOAuth2Api | order | order=create product=create |
signl4 | signl4Api | alert | alert=send |
slack | slackApi slackOAuth2Api | message | channel=create file=upload message=post reaction=add star=add user=info userGroup=create userProfile=get | channel channelId
slack@2 | slackApi slackOAuth2Api | message | channel=create file=upload message=post reaction=add star=add user=info userGroup=create | channelId user options.channelId
sms77 | sms77Api | sms | sms=send voice=send | to
snowflake | snowflake snowflakeOAuth2Api | | =insert | table
splunk | splunkApi | searchJob | firedAlert=getReport searchConfiguration=delete searchJob=create searchResult=getAll user=create |
splunk@2 | splunkApi | search | alert=getReport report=getAll search=create user=create |
spotify | spotifyOAuth2Api | player | album=get artist=get library=getLikedTracks myData=getFollowingArtists player=addSongToQueue playlist=add track=get |
ssh | sshPassword sshPrivateKey | command | command=execute file=upload | cwd path
stackby | stackbyApi | | =append | stackId/table
storyblok | storyblokContentApi storyblokManagementApi | | | space
strapi | strapiApi strapiTokenApi | entry | entry=get | contentType
strava | stravaOAuth2Api | activity | activity=create |
stripe | stripeApi | balance | balance=get charge=get coupon=create customer=get customerCard=get meterEvent=create source=get token=create |
supabase | supabaseApi | row | row=create | schema.tableId tableId
syncroMsp | syncroMspApi | contact | contact=getAll customer=getAll rmm=getAll ticket=getAll |
taiga | taigaApi | issue | epic=create issue=create task=create userStory=create | projectId
tapfiliate | tapfiliateApi | affiliate | affiliate=create affiliateMetadata=add programAffiliate=add | programId
telegram | telegramApi | message | callback=answerQuery chat=get file=get message=sendMessage | chatId
theHive | theHiveApi | alert | alert=create case=getAll log=getAll observable=getAll task=getAll |
theHiveProject | theHiveProjectApi | alert | alert=create case=create comment=add log=create observable=create page=create query=executeQuery task=create | caseId alertId
timescaleDb | timescaleDb | | =insert | schema.table table
todoist | todoistApi todoistOAuth2Api | task | task=create | project
todoist@2 | todoistApi todoistOAuth2Api | task | comment=create label=create project=create reminder=create section=create task=create | project
totp | totpApi | | =generateSecret |
travisCi | travisCiApi | build | build=cancel |
trello | trelloApi trelloOAuth1Api | card | attachment=getAll board=create boardMember=add card=create cardComment=create checklist=getAll label=getAll list=create | boardId listId cardId
twake | twakeCloudApi | message | message=send | channelId
twilio | twilioApi | sms | call=make sms=send | to
twist | twistOAuth2Api | messageConversation | channel=create comment=create messageConversation=create thread=create | workspaceId/channelId workspaceId/conversationId workspaceId
twitter | twitterOAuth1Api | tweet | directMessage=create tweet=create |
twitter@2 | twitterOAuth2Api | tweet | directMessage=create list=add tweet=create user=searchUser |
unleashedSoftware | unleashedSoftwareApi | salesOrder | salesOrder=getAll stockOnHand=getAll |
uplead | upleadApi | company | company=enrich person=enrich |
uproc | uprocApi | | =run | tool
uptimeRobot | uptimeRobotApi | account | account=get alertContact=getAll maintenanceWindow=getAll monitor=getAll publicStatusPage=getAll |
urlScanIo | urlScanIoApi | scan | scan=perform |
venafiTlsProtectCloud | venafiTlsProtectCloudApi | certificateRequest | certificate=delete certificateRequest=create | applicationId
venafiTlsProtectDatacenter | venafiTlsProtectDatacenterApi | certificate | certificate=create policy=get | policyDn
vero | veroApi | user | event=track user=create |
vonage | vonageApi | sms | sms=send | to
webflow | webflowOAuth2Api webflowApi | item | item=get | siteId/collectionId
webflow@2 | webflowOAuth2Api | item | item=get | siteId/collectionId
wekan | wekanApi | card | board=create card=create cardComment=create checklist=getAll checklistItem=getAll list=create | boardId/listId boardId
whatsApp | whatsAppApi | message | media=mediaUpload message=sendTemplate | recipientPhoneNumber
wise | wiseApi | account | account=getBalances exchangeRate=get profile=get quote=get recipient=getAll transfer=get |
wooCommerce | wooCommerceApi | product | customer=create order=create product=create |
wordpress | wordpressApi wordpressOAuth2Api | post | page=create post=create user=create |
writeBinaryFile | | | =write | fileName
xero | xeroOAuth2Api | invoice | contact=create invoice=create | organizationId
yourls | yourlsApi | url | url=shorten |
youTube | youTubeOAuth2Api | channel | channel=getAll playlist=getAll playlistItem=add video=getAll videoCategory=getAll |
zammad | zammadBasicAuthApi zammadTokenAuthApi | user | group=create organization=create ticket=create user=create |
zendesk | zendeskApi zendeskOAuth2Api | ticket | organization=create ticket=create ticketField=get user=create |
zohoCrm | zohoOAuth2Api | account | account=create contact=create deal=create invoice=create lead=create product=create purchaseOrder=create quote=create salesOrder=create vendor=create |
zoom | zoomApi zoomOAuth2Api | meeting | meeting=create |
zulip | zulipApi | message | message=sendPrivate stream=create user=create |
"""

# The nodes of the AI package that call a model with a resource and an operation of their own.
_AI_NODES = """
alibabaCloud | alibabaCloudApi | text | image=generate text=message video=textToVideo | modelId
anthropic | anthropicApi | text | document=analyze file=upload image=analyze prompt=generate text=message | modelId
googleGemini | googlePalmApi | text | audio=transcribe document=analyze file=upload fileSearch=createStore image=generate text=message video=generate | modelId
minimax | minimaxApi | text | audio=textToSpeech image=generate text=message video=textToVideo | modelId
moonshot | moonshotApi | text | image=analyze text=message | modelId
ollama | ollamaApi | text | image=analyze text=message | modelId
openAi | openAiApi | text | assistant=message audio=generate file=upload image=generate text=message | modelId assistantId
openAiAssistant | openAiApi | | =message | assistantId
openAi@2 | openAiApi | text | audio=generate conversation=create file=upload image=generate text=response video=generate | modelId
"""

INERT = vocabulary(
    """
    aggregate aiTransform chainLlm chainRetrievalQa chainSummarization compareDatasets compression convertToFile crypto
    dateTime debugHelper documentBinaryInputLoader documentDefaultDataLoader documentJsonInputLoader e2eTest editImage
    evaluation executionData extractFromFile filter form guardrails html htmlExtract iCal icalendar if informationExtractor
    itemLists jwt limit markdown memoryBufferWindow memoryChatRetriever memoryManager merge moveBinaryData noOp
    outputParserAutofixing outputParserItemList outputParserStructured readPDF removeDuplicates renameKeys
    respondToWebhook retrieverContextualCompression retrieverMultiQuery retrieverVectorStore sentimentAnalysis set
    simulate sort splitInBatches splitOut spreadsheetFile stickyNote stopAndError summarize switch textClassifier
    textSplitterCharacterTextSplitter textSplitterRecursiveCharacterTextSplitter textSplitterTokenSplitter toolCalculator
    toolExecutor toolThink toolVectorStore vectorStoreInMemory vectorStoreInMemoryInsert vectorStoreInMemoryLoad wait xml
    agent agentTool chat modelSelector
    """
)
"""Nodes that reshape, branch, wait or answer their own trigger: without a credential they touch nothing outside."""

CODE = vocabulary("code function functionItem toolCode executeCommand pythonFunction")
"""Nodes that run what their author wrote, or a command of the machine."""

BY_METHOD = {"facebookGraphApi": "httpRequestMethod", "filemaker": "action"}
"""Nodes of a service whose operation stands in another parameter: an HTTP method, an action."""

SERVICE_ACCOUNTS = vocabulary("googleBooks googleChat googleDocs googleDrive googleSheets googleSlides googleTranslate")
"""Nodes that asked for a Google service account in their first version, where nothing else is said."""

SUB_WORKFLOWS = vocabulary("executeWorkflow toolWorkflow retrieverWorkflow")

ON_THE_PLATFORM = vocabulary(
    """
    code function functionItem toolCode executeCommand pythonFunction readWriteFile readBinaryFile readBinaryFiles
    writeBinaryFile dataTable executeWorkflow toolWorkflow retrieverWorkflow localFileTrigger git
    n8nTrainingCustomerDatastore
    """
)
"""Nodes whose other side is the n8n installation itself: its runtime, disk, tables and other workflows."""

PUBLIC_SERVICES = {
    "coinGecko": "api.coingecko.com",
    "hackerNews": "hn.algolia.com",
    "openThesaurus": "www.openthesaurus.de",
    "postBin": "www.toptal.com",
    "toolWikipedia": "wikipedia.org",
}
"""Nodes that reach one public address without a credential."""

MODELS = {
    "AlibabaCloud": "alibabaCloudApi",
    "Anthropic": "anthropicApi",
    "AwsBedrock": "aws",
    "AzureOpenAi": "azureOpenAiApi",
    "Cohere": "cohereApi",
    "Databricks": "databricksOAuth2Api",
    "DeepSeek": "deepSeekApi",
    "GoogleGemini": "googlePalmApi",
    "GooglePalm": "googlePalmApi",
    "GoogleVertex": "googleApi",
    "Groq": "groqApi",
    "HuggingFaceInference": "huggingFaceApi",
    "OpenHuggingFaceInference": "huggingFaceApi",
    "Lemonade": "lemonadeApi",
    "Minimax": "minimaxApi",
    "MistralCloud": "mistralCloudApi",
    "Moonshot": "moonshotApi",
    "Nvidia": "nvidiaApi",
    "Ollama": "ollamaApi",
    "OpenAi": "openAiApi",
    "OpenRouter": "openRouterApi",
    "OracleDb": "oracleDBApi",
    "VercelAiGateway": "vercelAiGatewayApi",
    "XAiGrok": "xAiApi",
}
"""Credential type by the last part of ``lmChat…``, ``lm…``, ``embeddings…`` and ``reranker…``."""

STORES = {
    "AzureAISearch": ("azureAiSearchApi", "indexName"),
    "ChromaDB": ("chromaSelfHostedApi", "chromaCollection"),
    "Milvus": ("milvusApi", "milvusCollection"),
    "MongoDBAtlas": ("mongoDb", "mongoCollection"),
    "MongoDbChat": ("mongoDb", "collectionName"),
    "Motorhead": ("motorheadApi", ""),
    "OracleDBVector": ("oracleDBApi", "tableName"),
    "PGVector": ("postgres", "tableName"),
    "Pinecone": ("pineconeApi", "pineconeIndex"),
    "PostgresChat": ("postgres", "tableName"),
    "Qdrant": ("qdrantApi", "qdrantCollection"),
    "Redis": ("redis", "redisIndex"),
    "RedisChat": ("redis", ""),
    "Supabase": ("supabaseApi", "tableName"),
    "Weaviate": ("weaviateApi", "weaviateCollection"),
    "Xata": ("xataApi", ""),
    "Zep": ("zepApi", "collectionName"),
}
"""Credential type and target parameter by the last part of ``vectorStore…`` and ``memory…``."""

SEARCH_TOOLS = {
    "toolSerpApi": "serpApi",
    "toolSearXng": "searXngApi",
    "toolWolframAlpha": "wolframAlphaApi",
    "documentGithubLoader": "githubApi",
    "toolWikipedia": "",
}
"""Sub-nodes of the AI package that look something up, with the credential they need."""

ALWAYS_OPEN_TRIGGERS = vocabulary(
    """
    manualTrigger start manualChatTrigger chatTrigger scheduleTrigger cron interval webhook formTrigger mcpTrigger
    executeWorkflowTrigger errorTrigger workflowTrigger n8nTrigger rssFeedReadTrigger localFileTrigger sseTrigger
    evaluationTrigger activationTrigger
    """
)
"""Triggers that need no credential of their own to fire."""

TRIGGER_CREDENTIALS = {
    "googleDriveTrigger": "googleDriveOAuth2Api",
    "googleSheetsTrigger": "googleSheetsTriggerOAuth2Api",
    "hubspotTrigger": "hubspotDeveloperApi",
    "shopifyTrigger": "shopifyApi",
    "webflowTrigger": "webflowApi",
    "whatsAppTrigger": "whatsAppTriggerApi",
}
"""Triggers that ask for another credential than the node of their service does."""

ACCESS: dict[str, Access] = {
    "telegram/answerQuery": "write",
    "telegram/answerInlineQuery": "write",
    "redis/keys": "read",
    "redis/llen": "read",
    "spotify/currentlyPlaying": "read",
    "spotify/nextSong": "write",
    "openWeatherMap/currentWeather": "read",
    "openWeatherMap/5DayForecast": "read",
    "hunter/domainSearch": "read",
    "hunter/emailFinder": "read",
    "hunter/emailVerifier": "read",
    "git/log": "read",
    "git/userSetup": "write",
    "airtop/load": "execute",
    "git/pull": "write",
    "git/fetch": "write",
    "slack/replies": "read",
    "spotify/previousSong": "write",
    "coinGecko/price": "read",
    "coinGecko/market": "read",
    "coinGecko/ticker": "read",
    "coinGecko/candlestick": "read",
    "Brandfetch/logo": "read",
    "Brandfetch/data": "read",
    "Brandfetch/color": "read",
    "Brandfetch/font": "read",
    "Brandfetch/company": "read",
    "Brandfetch/industry": "read",
    "filemaker/record": "read",
    "filemaker/records": "read",
    "filemaker/performscript": "execute",
    "oneSimpleApi/exchangeRate": "read",
    "oneSimpleApi/imageMetadata": "read",
    "oneSimpleApi/instagramProfile": "read",
    "oneSimpleApi/spotifyArtistProfile": "read",
    "oneSimpleApi/seo": "read",
    "oneSimpleApi/screenshot": "read",
    "oneSimpleApi/expandURL": "read",
    "oneSimpleApi/pdf": "execute",
    "oneSimpleApi/qrCode": "execute",
    "theHiveProject/executeQuery": "read",
    "yourls/shorten": "write",
    "alibabaCloud/textToVideo": "execute",
    "minimax/textToVideo": "execute",
    "minimax/textToSpeech": "execute",
    "googleCalendar/availability": "read",
    "clickUp/customFields": "read",
    "postHog/page": "write",
    "segment/event": "write",
    "twilio/make": "write",
    "totp/generateSecret": "read",
    "databricks/startConversation": "execute",
    "databricks/queryEndpoint": "execute",
    "openAi/response": "execute",
    "openAi/complete": "execute",
    "openAi/message": "execute",
    "openAi/edit": "execute",
    "perplexity/complete": "execute",
    "perplexity/createResponse": "execute",
    "perplexity/createEmbedding": "execute",
    "urlScanIo/perform": "execute",
    "seaTable/snapshot": "write",
    "medium/publication": "read",
    "rocketchat/messages": "read",
    "mongoDb/aggregate": "execute",
    "redis/info": "read",
    "confluence/query": "read",
    "dropbox/query": "read",
    "salesforce/query": "read",
    "graphql/query": "execute",
    "dataTable/rowExists": "read",
    "dataTable/rowNotExists": "read",
    "bambooHr/getFields": "read",
}
"""Levels of operations whose name does not say it."""


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """Unexported facts of one version of a node type."""

    credentials: tuple[str, ...]
    resource: str
    operations: dict[str, str]
    targets: tuple[str, ...]


CUSTOMERS = {
    "mailchimp": vocabulary("member"),
    "intercom": vocabulary("user"),
    "iterable": vocabulary("user userList"),
    "vero": vocabulary("user"),
    "orbit": vocabulary("member"),
    "drift": vocabulary("user"),
}
"""Services whose members and users are customers or readers: to add one gives nobody access."""


def facts_of(connector: str, version: float, package: str = "base") -> NodeFacts | None:
    """Facts of a node type, or None for an unlisted one.

    Args:
        connector: the type's last part without a final ``Tool``.
        version: the node's ``typeVersion``.
        package: ``langchain`` searches the AI nodes first.
    """
    lines = _table(_AI_NODES).get(connector) if package == "langchain" else None
    lines = lines or _table(_NODES).get(connector)
    if not lines:
        return None
    node_facts = next(fact for since, fact in lines if version >= since)
    if connector in SERVICE_ACCOUNTS and version < 2:
        return replace(
            node_facts, credentials=("googleApi", *(each for each in node_facts.credentials if each != "googleApi"))
        )
    return node_facts


@cache
def _table(text: str) -> dict[str, list[tuple[float, NodeFacts]]]:
    """Facts by connector, the highest version first."""
    table: dict[str, list[tuple[float, NodeFacts]]] = {}
    for line in text.strip().splitlines():
        name, credentials, resource, operations, targets = (column.strip() for column in line.split("|"))
        connector, _, since = name.partition("@")
        defaults = dict(pair.split("=", 1) for pair in operations.split())
        fact = NodeFacts(tuple(credentials.split()), resource, defaults, tuple(targets.split()))
        table.setdefault(connector, []).append((float(since or "-inf"), fact))
    for lines in table.values():
        lines.sort(key=lambda line: line[0], reverse=True)
    return table


def connectors() -> list[str]:
    """Connectors of the table, for tests."""
    return [*_table(_NODES), *_table(_AI_NODES)]
