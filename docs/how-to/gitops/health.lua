-- Argo CD's health of ManagedIdentityFederation and EntraConnection. Both are kstatus-compatible. Of an object that is
-- being deleted Argo CD says Progressing by itself.
local health = {status = "Progressing", message = "waiting for the operator to look at it"}
if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health
end

local conditions = {}
for _, condition in ipairs(obj.status.conditions or {}) do
  conditions[condition.type] = condition
end
local ready = conditions.Ready
if ready == nil then
  return health
end

health.message = ready.reason .. ": " .. ready.message
if conditions.Reconciling ~= nil and conditions.Reconciling.status == "True" then
  health.status = "Progressing"
elseif conditions.Stalled ~= nil and conditions.Stalled.status == "True" then
  health.status = "Degraded"
elseif ready.status == "True" then
  health.status = "Healthy"
elseif ready.reason == "Suspended" then
  health.status = "Suspended"
end
return health
