"""Generated from proto/inference.proto by proto/generate.py. Do not edit."""

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

POOL = descriptor_pool.DescriptorPool()
POOL.AddSerializedFile(
    b'\n\x0finference.proto\x12\tinference"\x13\n\x11ServerLiveRequest"(\n\x12ServerLiveR'
    b'esponse\x12\x12\n\x04live\x18\x01 \x01(\x08R\x04live"\x14\n\x12ServerReadyRequest"+\n\x13ServerReady'
    b'Response\x12\x14\n\x05ready\x18\x01 \x01(\x08R\x05ready"A\n\x11ModelReadyRequest\x12\x12\n\x04name\x18\x01 \x01('
    b'\tR\x04name\x12\x18\n\x07version\x18\x02 \x01(\tR\x07version"*\n\x12ModelReadyResponse\x12\x14\n\x05ready'
    b'\x18\x01 \x01(\x08R\x05ready"\x17\n\x15ServerMetadataRequest"f\n\x16ServerMetadataResponse'
    b'\x12\x12\n\x04name\x18\x01 \x01(\tR\x04name\x12\x18\n\x07version\x18\x02 \x01(\tR\x07version\x12\x1e\n\nextensions\x18\x03 \x03'
    b'(\tR\nextensions"D\n\x14ModelMetadataRequest\x12\x12\n\x04name\x18\x01 \x01(\tR\x04name\x12\x18\n\x07ve'
    b'rsion\x18\x02 \x01(\tR\x07version"\xe0\x03\n\x15ModelMetadataResponse\x12\x12\n\x04name\x18\x01 \x01(\tR\x04na'
    b'me\x12\x1a\n\x08versions\x18\x02 \x03(\tR\x08versions\x12\x1a\n\x08platform\x18\x03 \x01(\tR\x08platform\x12G\n\x06in'
    b'puts\x18\x04 \x03(\x0b2/.inference.ModelMetadataResponse.TensorMetadataR\x06inp'
    b'uts\x12I\n\x07outputs\x18\x05 \x03(\x0b2/.inference.ModelMetadataResponse.TensorMet'
    b'adataR\x07outputs\x12P\n\nproperties\x18\x06 \x03(\x0b20.inference.ModelMetadataResp'
    b'onse.PropertiesEntryR\nproperties\x1aV\n\x0eTensorMetadata\x12\x12\n\x04name\x18\x01 \x01(\t'
    b'R\x04name\x12\x1a\n\x08datatype\x18\x02 \x01(\tR\x08datatype\x12\x14\n\x05shape\x18\x03 \x03(\x03R\x05shape\x1a=\n\x0fProp'
    b'ertiesEntry\x12\x10\n\x03key\x18\x01 \x01(\tR\x03key\x12\x14\n\x05value\x18\x02 \x01(\tR\x05value:\x028\x01"\x9d\x08\n\x11Mode'
    b'lInferRequest\x12\x1d\n\nmodel_name\x18\x01 \x01(\tR\tmodelName\x12#\n\rmodel_version\x18\x02 '
    b'\x01(\tR\x0cmodelVersion\x12\x0e\n\x02id\x18\x03 \x01(\tR\x02id\x12L\n\nparameters\x18\x04 \x03(\x0b2,.inferenc'
    b'e.ModelInferRequest.ParametersEntryR\nparameters\x12E\n\x06inputs\x18\x05 \x03(\x0b2'
    b'-.inference.ModelInferRequest.InferInputTensorR\x06inputs\x12Q\n\x07output'
    b's\x18\x06 \x03(\x0b27.inference.ModelInferRequest.InferRequestedOutputTensor'
    b'R\x07outputs\x12,\n\x12raw_input_contents\x18\x07 \x03(\x0cR\x10rawInputContents\x1a\xcd\x02\n\x10Infe'
    b'rInputTensor\x12\x12\n\x04name\x18\x01 \x01(\tR\x04name\x12\x1a\n\x08datatype\x18\x02 \x01(\tR\x08datatype\x12\x14\n\x05'
    b'shape\x18\x03 \x03(\x03R\x05shape\x12]\n\nparameters\x18\x04 \x03(\x0b2=.inference.ModelInferReq'
    b'uest.InferInputTensor.ParametersEntryR\nparameters\x12:\n\x08contents\x18\x05 '
    b'\x01(\x0b2\x1e.inference.InferTensorContentsR\x08contents\x1aX\n\x0fParametersEntry'
    b'\x12\x10\n\x03key\x18\x01 \x01(\tR\x03key\x12/\n\x05value\x18\x02 \x01(\x0b2\x19.inference.InferParameterR\x05va'
    b'lue:\x028\x01\x1a\xf3\x01\n\x1aInferRequestedOutputTensor\x12\x12\n\x04name\x18\x01 \x01(\tR\x04name\x12g\n\npa'
    b'rameters\x18\x02 \x03(\x0b2G.inference.ModelInferRequest.InferRequestedOutpu'
    b'tTensor.ParametersEntryR\nparameters\x1aX\n\x0fParametersEntry\x12\x10\n\x03key\x18\x01 '
    b'\x01(\tR\x03key\x12/\n\x05value\x18\x02 \x01(\x0b2\x19.inference.InferParameterR\x05value:\x028\x01\x1aX\n'
    b'\x0fParametersEntry\x12\x10\n\x03key\x18\x01 \x01(\tR\x03key\x12/\n\x05value\x18\x02 \x01(\x0b2\x19.inference.In'
    b'ferParameterR\x05value:\x028\x01"\xdf\x05\n\x12ModelInferResponse\x12\x1d\n\nmodel_name\x18\x01 \x01'
    b'(\tR\tmodelName\x12#\n\rmodel_version\x18\x02 \x01(\tR\x0cmodelVersion\x12\x0e\n\x02id\x18\x03 \x01(\tR\x02'
    b'id\x12M\n\nparameters\x18\x04 \x03(\x0b2-.inference.ModelInferResponse.Parameters'
    b'EntryR\nparameters\x12I\n\x07outputs\x18\x05 \x03(\x0b2/.inference.ModelInferRespons'
    b'e.InferOutputTensorR\x07outputs\x12.\n\x13raw_output_contents\x18\x06 \x03(\x0cR\x11rawOu'
    b'tputContents\x1a\xd0\x02\n\x11InferOutputTensor\x12\x12\n\x04name\x18\x01 \x01(\tR\x04name\x12\x1a\n\x08dataty'
    b'pe\x18\x02 \x01(\tR\x08datatype\x12\x14\n\x05shape\x18\x03 \x03(\x03R\x05shape\x12_\n\nparameters\x18\x04 \x03(\x0b2?.i'
    b'nference.ModelInferResponse.InferOutputTensor.ParametersEntryR\np'
    b'arameters\x12:\n\x08contents\x18\x05 \x01(\x0b2\x1e.inference.InferTensorContentsR\x08con'
    b'tents\x1aX\n\x0fParametersEntry\x12\x10\n\x03key\x18\x01 \x01(\tR\x03key\x12/\n\x05value\x18\x02 \x01(\x0b2\x19.infe'
    b'rence.InferParameterR\x05value:\x028\x01\x1aX\n\x0fParametersEntry\x12\x10\n\x03key\x18\x01 \x01(\tR'
    b'\x03key\x12/\n\x05value\x18\x02 \x01(\x0b2\x19.inference.InferParameterR\x05value:\x028\x01"\xd7\x01\n\x0eIn'
    b'ferParameter\x12\x1f\n\nbool_param\x18\x01 \x01(\x08H\x00R\tboolParam\x12!\n\x0bint64_param\x18\x02 \x01'
    b'(\x03H\x00R\nint64Param\x12#\n\x0cstring_param\x18\x03 \x01(\tH\x00R\x0bstringParam\x12#\n\x0cdouble_'
    b'param\x18\x04 \x01(\x01H\x00R\x0bdoubleParam\x12#\n\x0cuint64_param\x18\x05 \x01(\x04H\x00R\x0buint64ParamB'
    b'\x12\n\x10parameter_choice"\xc3\x02\n\x13InferTensorContents\x12#\n\rbool_contents\x18\x01 \x03'
    b'(\x08R\x0cboolContents\x12!\n\x0cint_contents\x18\x02 \x03(\x05R\x0bintContents\x12%\n\x0eint64_con'
    b'tents\x18\x03 \x03(\x03R\rint64Contents\x12#\n\ruint_contents\x18\x04 \x03(\rR\x0cuintContents\x12'
    b"'\n\x0fuint64_contents\x18\x05 \x03(\x04R\x0euint64Contents\x12#\n\rfp32_contents\x18\x06 \x03(\x02R"
    b'\x0cfp32Contents\x12#\n\rfp64_contents\x18\x07 \x03(\x01R\x0cfp64Contents\x12%\n\x0ebytes_cont'
    b'ents\x18\x08 \x03(\x0cR\rbytesContents"B\n\x12ModelConfigRequest\x12\x12\n\x04name\x18\x01 \x01(\tR\x04n'
    b'ame\x12\x18\n\x07version\x18\x02 \x01(\tR\x07version"E\n\x13ModelConfigResponse\x12.\n\x06config\x18\x01'
    b' \x01(\x0b2\x16.inference.ModelConfigR\x06config"F\n\x16ModelStatisticsRequest\x12\x12'
    b'\n\x04name\x18\x01 \x01(\tR\x04name\x12\x18\n\x07version\x18\x02 \x01(\tR\x07version"V\n\x17ModelStatisticsR'
    b'esponse\x12;\n\x0bmodel_stats\x18\x01 \x03(\x0b2\x1a.inference.ModelStatisticsR\nmodelS'
    b'tats"9\n\x11StatisticDuration\x12\x14\n\x05count\x18\x01 \x01(\x04R\x05count\x12\x0e\n\x02ns\x18\x02 \x01(\x04R\x02ns"'
    b'\xfa\x02\n\x0fInferStatistics\x126\n\x07success\x18\x01 \x01(\x0b2\x1c.inference.StatisticDurati'
    b'onR\x07success\x120\n\x04fail\x18\x02 \x01(\x0b2\x1c.inference.StatisticDurationR\x04fail\x122\n'
    b'\x05queue\x18\x03 \x01(\x0b2\x1c.inference.StatisticDurationR\x05queue\x12A\n\rcompute_inp'
    b'ut\x18\x04 \x01(\x0b2\x1c.inference.StatisticDurationR\x0ccomputeInput\x12A\n\rcompute_'
    b'infer\x18\x05 \x01(\x0b2\x1c.inference.StatisticDurationR\x0ccomputeInfer\x12C\n\x0ecompu'
    b'te_output\x18\x06 \x01(\x0b2\x1c.inference.StatisticDurationR\rcomputeOutput"\xbb\x01\n'
    b'\x14InferBatchStatistics\x12\x1d\n\nbatch_size\x18\x01 \x01(\x04R\tbatchSize\x12A\n\rcompute_'
    b'input\x18\x02 \x01(\x0b2\x1c.inference.StatisticDurationR\x0ccomputeInput\x12A\n\rcompu'
    b'te_infer\x18\x03 \x01(\x0b2\x1c.inference.StatisticDurationR\x0ccomputeInfer"\xbf\x02\n\x0fM'
    b'odelStatistics\x12\x12\n\x04name\x18\x01 \x01(\tR\x04name\x12\x18\n\x07version\x18\x02 \x01(\tR\x07version\x12%\n\x0e'
    b"last_inference\x18\x03 \x01(\x04R\rlastInference\x12'\n\x0finference_count\x18\x04 \x01(\x04R\x0ein"
    b"ferenceCount\x12'\n\x0fexecution_count\x18\x05 \x01(\x04R\x0eexecutionCount\x12C\n\x0finferen"
    b'ce_stats\x18\x06 \x01(\x0b2\x1a.inference.InferStatisticsR\x0einferenceStats\x12@\n\x0bba'
    b'tch_stats\x18\x07 \x03(\x0b2\x1f.inference.InferBatchStatisticsR\nbatchStats"W\n\x16'
    b"RepositoryIndexRequest\x12'\n\x0frepository_name\x18\x01 \x01(\tR\x0erepositoryName\x12"
    b'\x14\n\x05ready\x18\x02 \x01(\x08R\x05ready"\xca\x01\n\x17RepositoryIndexResponse\x12E\n\x06models\x18\x01 \x03('
    b'\x0b2-.inference.RepositoryIndexResponse.ModelIndexR\x06models\x1ah\n\nMode'
    b'lIndex\x12\x12\n\x04name\x18\x01 \x01(\tR\x04name\x12\x18\n\x07version\x18\x02 \x01(\tR\x07version\x12\x14\n\x05state\x18\x03 '
    b'\x01(\tR\x05state\x12\x16\n\x06reason\x18\x04 \x01(\tR\x06reason"\xc5\x04\n\x0bModelConfig\x12\x12\n\x04name\x18\x01 \x01(\t'
    b'R\x04name\x12\x1a\n\x08platform\x18\x02 \x01(\tR\x08platform\x12D\n\x0eversion_policy\x18\x03 \x01(\x0b2\x1d.inf'
    b'erence.ModelVersionPolicyR\rversionPolicy\x12$\n\x0emax_batch_size\x18\x04 \x01(\x05'
    b'R\x0cmaxBatchSize\x12+\n\x05input\x18\x05 \x03(\x0b2\x15.inference.ModelInputR\x05input\x12.\n\x06o'
    b'utput\x18\x06 \x03(\x0b2\x16.inference.ModelOutputR\x06output\x12D\n\x0einstance_group\x18\x07 '
    b'\x03(\x0b2\x1d.inference.ModelInstanceGroupR\rinstanceGroup\x124\n\x16default_mod'
    b'el_filename\x18\x08 \x01(\tR\x14defaultModelFilename\x12J\n\x10dynamic_batching\x18\x0b \x01('
    b'\x0b2\x1f.inference.ModelDynamicBatchingR\x0fdynamicBatching\x12\x18\n\x07backend\x18\x11'
    b' \x01(\tR\x07backend\x12[\n\x18model_transaction_policy\x18\x13 \x01(\x0b2!.inference.Mode'
    b'lTransactionPolicyR\x16modelTransactionPolicy"f\n\nModelInput\x12\x12\n\x04name'
    b'\x18\x01 \x01(\tR\x04name\x120\n\tdata_type\x18\x02 \x01(\x0e2\x13.inference.DataTypeR\x08dataType\x12\x12'
    b'\n\x04dims\x18\x04 \x03(\x03R\x04dims"g\n\x0bModelOutput\x12\x12\n\x04name\x18\x01 \x01(\tR\x04name\x120\n\tdata_ty'
    b'pe\x18\x02 \x01(\x0e2\x13.inference.DataTypeR\x08dataType\x12\x12\n\x04dims\x18\x03 \x03(\x03R\x04dims"\xb9\x01\n\x12'
    b'ModelInstanceGroup\x12\x12\n\x04name\x18\x01 \x01(\tR\x04name\x12\x14\n\x05count\x18\x02 \x01(\x05R\x05count\x126\n\x04'
    b'kind\x18\x04 \x01(\x0e2".inference.ModelInstanceGroup.KindR\x04kind"A\n\x04Kind\x12\r\n\t'
    b'KIND_AUTO\x10\x00\x12\x0c\n\x08KIND_GPU\x10\x01\x12\x0c\n\x08KIND_CPU\x10\x02\x12\x0e\n\nKIND_MODEL\x10\x03"\x89\x01\n\x14Mode'
    b'lDynamicBatching\x120\n\x14preferred_batch_size\x18\x01 \x03(\x05R\x12preferredBatchSi'
    b'ze\x12?\n\x1cmax_queue_delay_microseconds\x18\x02 \x01(\x04R\x19maxQueueDelayMicroseco'
    b'nds"6\n\x16ModelTransactionPolicy\x12\x1c\n\tdecoupled\x18\x01 \x01(\x08R\tdecoupled"\x7f\n\x12M'
    b'odelVersionPolicy\x12<\n\x06latest\x18\x01 \x01(\x0b2$.inference.ModelVersionPolicy'
    b'.LatestR\x06latest\x1a+\n\x06Latest\x12!\n\x0cnum_versions\x18\x01 \x01(\rR\x0bnumVersions*\xfa\x01\n'
    b'\x08DataType\x12\x10\n\x0cTYPE_INVALID\x10\x00\x12\r\n\tTYPE_BOOL\x10\x01\x12\x0e\n\nTYPE_UINT8\x10\x02\x12\x0f\n\x0bTY'
    b'PE_UINT16\x10\x03\x12\x0f\n\x0bTYPE_UINT32\x10\x04\x12\x0f\n\x0bTYPE_UINT64\x10\x05\x12\r\n\tTYPE_INT8\x10\x06\x12\x0e\n\n'
    b'TYPE_INT16\x10\x07\x12\x0e\n\nTYPE_INT32\x10\x08\x12\x0e\n\nTYPE_INT64\x10\t\x12\r\n\tTYPE_FP16\x10\n\x12\r\n\tT'
    b'YPE_FP32\x10\x0b\x12\r\n\tTYPE_FP64\x10\x0c\x12\x0f\n\x0bTYPE_STRING\x10\r\x12\r\n\tTYPE_BF16\x10\x0e2\x84\x06\n\x14GR'
    b'PCInferenceService\x12K\n\nServerLive\x12\x1c.inference.ServerLiveRequest\x1a\x1d'
    b'.inference.ServerLiveResponse"\x00\x12N\n\x0bServerReady\x12\x1d.inference.Serve'
    b'rReadyRequest\x1a\x1e.inference.ServerReadyResponse"\x00\x12K\n\nModelReady\x12\x1c.'
    b'inference.ModelReadyRequest\x1a\x1d.inference.ModelReadyResponse"\x00\x12W\n\x0e'
    b'ServerMetadata\x12 .inference.ServerMetadataRequest\x1a!.inference.Ser'
    b'verMetadataResponse"\x00\x12T\n\rModelMetadata\x12\x1f.inference.ModelMetadata'
    b'Request\x1a .inference.ModelMetadataResponse"\x00\x12K\n\nModelInfer\x12\x1c.infe'
    b'rence.ModelInferRequest\x1a\x1d.inference.ModelInferResponse"\x00\x12N\n\x0bMode'
    b'lConfig\x12\x1d.inference.ModelConfigRequest\x1a\x1e.inference.ModelConfigRe'
    b'sponse"\x00\x12Z\n\x0fModelStatistics\x12!.inference.ModelStatisticsRequest\x1a"'
    b'.inference.ModelStatisticsResponse"\x00\x12Z\n\x0fRepositoryIndex\x12!.infere'
    b'nce.RepositoryIndexRequest\x1a".inference.RepositoryIndexResponse"\x00'
    b'b\x06proto3'
)
DESCRIPTOR = POOL.FindFileByName("inference.proto")

ServerLiveRequest = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ServerLiveRequest"])
ServerLiveResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ServerLiveResponse"])
ServerReadyRequest = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ServerReadyRequest"])
ServerReadyResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ServerReadyResponse"])
ModelReadyRequest = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelReadyRequest"])
ModelReadyResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelReadyResponse"])
ServerMetadataRequest = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ServerMetadataRequest"])
ServerMetadataResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ServerMetadataResponse"])
ModelMetadataRequest = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelMetadataRequest"])
ModelMetadataResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelMetadataResponse"])
ModelInferRequest = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelInferRequest"])
ModelInferResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelInferResponse"])
InferParameter = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["InferParameter"])
InferTensorContents = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["InferTensorContents"])
ModelConfigRequest = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelConfigRequest"])
ModelConfigResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelConfigResponse"])
ModelStatisticsRequest = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelStatisticsRequest"])
ModelStatisticsResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelStatisticsResponse"])
StatisticDuration = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["StatisticDuration"])
InferStatistics = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["InferStatistics"])
InferBatchStatistics = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["InferBatchStatistics"])
ModelStatistics = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelStatistics"])
RepositoryIndexRequest = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["RepositoryIndexRequest"])
RepositoryIndexResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["RepositoryIndexResponse"])
ModelConfig = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelConfig"])
ModelInput = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelInput"])
ModelOutput = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelOutput"])
ModelInstanceGroup = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelInstanceGroup"])
ModelDynamicBatching = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelDynamicBatching"])
ModelTransactionPolicy = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelTransactionPolicy"])
ModelVersionPolicy = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelVersionPolicy"])
DataType = EnumTypeWrapper(DESCRIPTOR.enum_types_by_name["DataType"])
TYPE_INVALID = 0
TYPE_BOOL = 1
TYPE_UINT8 = 2
TYPE_UINT16 = 3
TYPE_UINT32 = 4
TYPE_UINT64 = 5
TYPE_INT8 = 6
TYPE_INT16 = 7
TYPE_INT32 = 8
TYPE_INT64 = 9
TYPE_FP16 = 10
TYPE_FP32 = 11
TYPE_FP64 = 12
TYPE_STRING = 13
TYPE_BF16 = 14
